/*
 * URLs of webget, and the numbers and addresses of a command line: what is refused is refused
 * before anything is sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/array.h"
#include "../../user/drywire.h"
#include "../../user/url.h"

static void expect_url(const char *text, const char *host, uint16_t port, const char *path)
{
    struct url url;

    assert_int_equal(url_parse(text, &url), URL_OK);
    assert_int_equal(url.host_len, strlen(host));
    assert_memory_equal(url.host, host, strlen(host));
    assert_int_equal(url.port, port);
    assert_int_equal(url.path_len, strlen(path));
    assert_memory_equal(url.path, path, strlen(path));
}

/* Refused for this reason, with nothing written. */
static void expect_bad(const char *text, const char *word)
{
    struct url url, before;

    memset(&url, 0x5a, sizeof(url));
    before = url;
    assert_string_equal(url_error_word(url_parse(text, &url)), word);
    assert_memory_equal(&url, &before, sizeof(url));
}

static void a_url_is_taken_apart(void **state)
{
    (void)state;
    expect_url("http://10.0.2.2:8080/hello", "10.0.2.2", 8080, "/hello");
    expect_url("HTTP://10.0.2.2", "10.0.2.2", 80, "");
    expect_url("http://255.255.255.255:65535/", "255.255.255.255", 65535, "/");
    expect_url("http://0.0.0.0:1?q=1&r=%2F", "0.0.0.0", 1, "?q=1&r=%2F");
    expect_url("http://10.0.2.2/a/b;c?d=/e?#fragment is not sent", "10.0.2.2", 80, "/a/b;c?d=/e?");
    expect_url("http://10.0.2.2#top", "10.0.2.2", 80, "");
    expect_url("http://www.Example.com./x", "www.Example.com.", 80, "/x");
    expect_url("http://host1:81", "host1", 81, "");
    expect_url("http://1a-b_c.d", "1a-b_c.d", 80, "");
    expect_url("http://10.0.2.2/-._~!$&'()*+,;=:@/?", "10.0.2.2", 80, "/-._~!$&'()*+,;=:@/?");
}

static void a_bad_url_is_refused_with_its_part(void **state)
{
    (void)state;
    expect_bad("", "scheme");
    expect_bad("10.0.2.2/", "scheme");
    expect_bad("http:/10.0.2.2/", "scheme");
    expect_bad("https://10.0.2.2/", "scheme");
    expect_bad("file:///etc/passwd", "scheme");
    expect_bad("http://user@10.0.2.2/", "userinfo");
    expect_bad("http://user:secret@10.0.2.2/", "userinfo");
    expect_bad("http://", "host");
    expect_bad("http:///path", "host");
    expect_bad("http://[::1]/", "host");
    expect_bad("http://10.0.2/", "host");
    expect_bad("http://10.0.2.2.2/", "host");
    expect_bad("http://10.0.2.256/", "host");
    expect_bad("http://10.0.2.02/", "host");
    expect_bad("http://10.0.2.2 /", "host");
    expect_bad("http://10.0.2.2\r\n/", "host");
    expect_bad("http://a..b/", "host");
    expect_bad("http://.a/", "host");
    expect_bad("http://./", "host");
    expect_bad("http://www.1/", "host");
    expect_bad("http://www.1./", "host");
    expect_bad("http://a%2eb/", "host");
    expect_bad("http://10.0.2.2:/", "port");
    expect_bad("http://10.0.2.2:0/", "port");
    expect_bad("http://10.0.2.2:70000/", "port");
    expect_bad("http://10.0.2.2:65536/", "port");
    expect_bad("http://10.0.2.2:18446744073709551617/", "port");
    expect_bad("http://10.0.2.2:80:80/", "port");
    expect_bad("http://10.0.2.2:+80/", "port");
    expect_bad("http://10.0.2.2/a b", "path");
    expect_bad("http://10.0.2.2/a\r\nX: y", "path");
    expect_bad("http://10.0.2.2/a\tb", "path");
    expect_bad("http://10.0.2.2/caf\xe9", "path");
    expect_bad("http://10.0.2.2/\x7f", "path");
    expect_bad("http://10.0.2.2/<b>", "path");
    expect_bad("http://10.0.2.2/%", "path");
    expect_bad("http://10.0.2.2/%2", "path");
    expect_bad("http://10.0.2.2/%2g", "path");
}

static void long_parts_are_refused(void **state)
{
    char text[URL_PATH_MAX + 100];
    int len = sprintf(text, "http://");

    (void)state;
    memset(text + len, '1', 300);
    strcpy(text + len + 300, "/");
    expect_bad(text, "host");

    len = sprintf(text, "http://10.0.2.2/");
    memset(text + len, 'a', URL_PATH_MAX);
    text[len + URL_PATH_MAX] = '\0';
    expect_bad(text, "path"); /* with its slash one byte too long */
    text[len + URL_PATH_MAX - 1] = '\0';
    expect_url(text, "10.0.2.2", 80, text + len - 1);
}

static void numbers_keep_their_limits(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
    } bad[] = {
        {"", 9},
        {"-1", 9},
        {"+1", 9},
        {" 1", 9},
        {"1 ", 9},
        {"0x1", 99},
        {"1", 0},
        {"10", 9},
        {"256", 255},
        {"a", 99},
        {"1.0", 99},
        {"\xb2", 99},
        {"18446744073709551616", UINT64_MAX},
        {"99999999999999999999", UINT64_MAX},
    };
    uint64_t number = 77;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_int_equal(number_parse(bad[i].text, strlen(bad[i].text), bad[i].max, &number),
                         ERR_INVAL);
    assert_int_equal(number, 77);
    assert_int_equal(number_parse("255", 3, 255, &number), 0);
    assert_int_equal(number, 255);
    assert_int_equal(number_parse("00012", 4, 1, &number), 0); /* only four bytes of it */
    assert_int_equal(number, 1);
    assert_int_equal(number_parse("18446744073709551615", 20, UINT64_MAX, &number), 0);
    assert_true(number == UINT64_MAX);
}

static void addresses_are_strict(void **state)
{
    static const char *const bad[] = {"",         ".",       "...",       "1.2.3",    "1.2.3.",
                                      "1.2.3.4.", ".1.2.3",  "1..3.4",    "1.2.3.4 ", "1.2.3.256",
                                      "1.2.3.04", "1,2.3.4", "1.2.3.4.5", "0x1.2.3.4"};
    uint32_t addr = 77;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_int_equal(address_parse(bad[i], strlen(bad[i]), &addr), ERR_INVAL);
    assert_int_equal(addr, 77);
    assert_int_equal(address_parse("192.168.0.1", 11, &addr), 0);
    assert_int_equal(addr, 0xc0a80001);
    assert_int_equal(address_parse("1.2.3.45", 7, &addr), 0); /* only seven bytes of it */
    assert_int_equal(addr, 0x01020304);
}

static void an_option_takes_its_number(void **state)
{
    char *argv[] = {"ping", "-c", "5", "-i", "x", "-s"};
    uint64_t number = 77;
    int at = 1;

    (void)state;
    assert_int_equal(option_take(6, argv, &at, "-i", 0, 9, &number), 0);
    assert_int_equal(option_take(6, argv, &at, "-c", 6, 9, &number), ERR_INVAL);
    assert_int_equal(option_take(6, argv, &at, "-c", 0, 4, &number), ERR_INVAL);
    assert_int_equal(number, 77);
    assert_int_equal(at, 1);
    assert_int_equal(option_take(6, argv, &at, "-c", 5, 5, &number), 1);
    assert_int_equal(number, 5);
    assert_int_equal(at, 3);
    assert_int_equal(option_take(6, argv, &at, "-i", 0, 9, &number), ERR_INVAL);
    at = 5;
    assert_int_equal(option_take(6, argv, &at, "-s", 0, 9, &number), ERR_INVAL);
    at = 6;
    assert_int_equal(option_take(6, argv, &at, "-s", 0, 9, &number), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_is_taken_apart),
        cmocka_unit_test(a_bad_url_is_refused_with_its_part),
        cmocka_unit_test(long_parts_are_refused),
        cmocka_unit_test(numbers_keep_their_limits),
        cmocka_unit_test(addresses_are_strict),
        cmocka_unit_test(an_option_takes_its_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
