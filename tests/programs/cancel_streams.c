/* Streams. Of a stream's functions none may be cancelled asynchronously. */
#include "cancel.h"

static void open_stream(void) { stream = fdopen(near, "r+"); }
static void open_full_stream(void)
{
    open_stream();
    fill(near);
    memset(big, 'x', 1000);
    big[1000] = 0;
}
static void open_waiting_stream(void)
{
    open_full_stream();
    fputs("hello", stream);
}

static long by_getc(void) { return getc(stream); }
static long by_fgets(void) { return fgets(big, 16, stream) != 0; }
static long by_fread(void) { return fread(big, 1, 16, stream); }
static long by_getline(void)
{
    char *line = 0;
    size_t room = 0;
    return getline(&line, &room, stream);
}
static long by_fscanf(void)
{
    int number;
    return fscanf(stream, "%d", &number);
}
static void open_stream_with_text(void)
{
    open_stream();
    send(far, "ab", 2, 0);
}
static long by_getc_of_what_is_there(void)
{
    int old;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
    getc(stream);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
    return getc(stream);
}
static long by_fwrite(void) { return fwrite(big, 1, sizeof big, stream); }
static long by_fprintf(void)
{
    for (int i = 0; i < 100; i++)
        if (fprintf(stream, "%d%s\n", i, big) < 0) return -1;
    return 0;
}
static long by_fputs(void) { return fputs("hello", stream) >= 0; }
static long by_fflush(void) { return fflush(stream); }
static long by_fclose(void)
{
    FILE *own = stream;
    stream = 0;
    return fclose(own);
}

#define BOTH (ASLEEP | BEFORE)
static const struct call CALLS[] = {
    {"getc", by_getc, BOTH | DISABLED, open_stream}, {"fgets", by_fgets, BOTH, open_stream},
    {"fread", by_fread, BOTH, open_stream}, {"getline", by_getline, BOTH, open_stream},
    {"fscanf", by_fscanf, BOTH, open_stream}, {"getc of what is there", by_getc_of_what_is_there, BEFORE, open_stream_with_text},
    {"fwrite", by_fwrite, BOTH, open_full_stream}, {"fprintf", by_fprintf, BOTH, open_full_stream},
    {"fputs into the buffer", by_fputs, BEFORE, open_full_stream}, {"fflush", by_fflush, BOTH, open_waiting_stream},
    {"fclose", by_fclose, BOTH, open_waiting_stream}, {"fclose of nothing", by_fclose, BEFORE, open_stream},
};

int main(void) { try_all(CALLS, sizeof CALLS / sizeof *CALLS); }
