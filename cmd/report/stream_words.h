/* The meaning of a stream of draws, in words; "" for unknown streams. */
#ifndef DRYWIRE_STREAM_WORDS_H
#define DRYWIRE_STREAM_WORDS_H

const char *stream_words(const char *stream);

#endif
