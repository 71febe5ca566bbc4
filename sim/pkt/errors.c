/* Names of errors: see errors.h. */
#include "errors.h"
#include "../../core/base/array.h"
#include "../../core/base/err.h"
#include <string.h>

/* In the order in which names for one error are printed. */
static const struct {
    const char *name;
    int number; /* of Linux */
    enum err err;
} errors[] = {
    {"EAGAIN", 11, ERR_AGAIN},
    {"EWOULDBLOCK", 11, ERR_AGAIN},
    {"EINPROGRESS", 115, ERR_AGAIN},
    {"EALREADY", 114, ERR_AGAIN},
    {"EINVAL", 22, ERR_INVAL},
    {"EBADF", 9, ERR_BADF},
    {"EFAULT", 14, ERR_FAULT},
    {"EOPNOTSUPP", 95, ERR_NOSYS},
    {"EMFILE", 24, ERR_NFILE},
    {"ENFILE", 23, ERR_NFILE},
    {"ECONNREFUSED", 111, ERR_REFUSED},
    {"ETIMEDOUT", 110, ERR_TIMEDOUT},
    {"ECONNRESET", 104, ERR_RESET},
    {"EHOSTUNREACH", 113, ERR_UNREACH},
    {"ENETUNREACH", 101, ERR_UNREACH},
    {"ENETDOWN", 100, ERR_NETDOWN},
    {"ENOTCONN", 107, ERR_NOTCONN},
    {"EISCONN", 106, ERR_ISCONN},
    {"EADDRINUSE", 98, ERR_INUSE},
    {"EADDRNOTAVAIL", 99, ERR_ADDR},
    {"EPIPE", 32, ERR_PIPE},
    {"EMSGSIZE", 90, ERR_MSGSIZE},
};

static int errors_find(const char *name)
{
    for (unsigned i = 0; i < ARRAY_COUNT(errors); i++)
        if (!strcmp(name, errors[i].name))
            return (int)i;
    return -1;
}

bool pkt_error_known(const char *name)
{
    return errors_find(name) >= 0;
}

int64_t pkt_error_number(const char *name)
{
    return errors[errors_find(name)].number;
}

bool pkt_error_is(int64_t err, const char *name)
{
    return (int64_t)errors[errors_find(name)].err == err;
}

const char *pkt_error_names(int64_t err)
{
    for (unsigned i = 0; i < ARRAY_COUNT(errors); i++)
        if ((int64_t)errors[i].err == err)
            return errors[i].name;
    return "an unknown error";
}
