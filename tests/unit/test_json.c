/* Text as a JSON string: cmd/report/json.h. */
#include "../../cmd/report/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void is_written_as(const char *text, size_t len, const char *want)
{
    char *got = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&got, &size);

    assert_non_null(out);
    json_string(out, text, len);
    fclose(out);
    assert_string_equal(got, want);
    free(got);
}

#define WRITTEN(text, want) is_written_as(text, sizeof(text) - 1, want)

static void plain_text_is_itself(void **state)
{
    (void)state;
    WRITTEN("", "\"\"");
    WRITTEN("a b > c & d / e", "\"a b > c & d / e\"");
    WRITTEN("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x8d",
            "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x8d\"");
}

static void nothing_in_it_ends_the_string_or_the_script_around_it(void **state)
{
    (void)state;
    WRITTEN("\"\\", "\"\\\"\\\\\"");
    WRITTEN("</script><!--", "\"\\u003c/script>\\u003c!--\"");
    WRITTEN("a\0b\n\x1f\x7f", "\"a\\u0000b\\u000a\\u001f\\u007f\"");
}

static void what_is_no_utf8_is_replaced(void **state)
{
    (void)state;
    WRITTEN("\xff\x80", "\"\\ufffd\\ufffd\"");
    WRITTEN("\xc0\xaf", "\"\\ufffd\\ufffd\"");                       /* not the shortest form */
    WRITTEN("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");            /* a surrogate */
    WRITTEN("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""); /* beyond U+10FFFF */
    WRITTEN("\xc3(", "\"\\ufffd(\"");
}

static void a_character_cut_off_by_the_length_is_not_read_beyond_it(void **state)
{
    (void)state;
    is_written_as("\xe2\x82\xac", 2, "\"\\ufffd\\ufffd\"");
    is_written_as("\xc3\xbc", 1, "\"\\ufffd\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_is_itself),
        cmocka_unit_test(nothing_in_it_ends_the_string_or_the_script_around_it),
        cmocka_unit_test(what_is_no_utf8_is_replaced),
        cmocka_unit_test(a_character_cut_off_by_the_length_is_not_read_beyond_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
