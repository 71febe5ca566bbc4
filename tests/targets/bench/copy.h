/*
 * copy: the best plain copy rate of the machine, with words and, where there is one, with the
 * processor's own string instruction.
 *
 *     done words_MiBps=150 string_MiBps=155
 */
#ifndef DRYWIRE_BENCH_COPY_H
#define DRYWIRE_BENCH_COPY_H

int copy_main(int argc, char **argv);

#endif
