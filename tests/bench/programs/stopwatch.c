/*
 * Stands where udocker stands (UDOCKER_EXEC), runs the real one and writes down how long it took.
 *
 * UDOCKER_BENCH_REAL names the program to run with the same arguments; each run appends one line to the file
 * UDOCKER_BENCH_LOG: nanoseconds from before fork to after wait, then the arguments. What the stopwatch costs by
 * itself is measured beside it and subtracted.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* One line, one write: commands that run at the same time do not mix theirs. */
static void note(const char *path, long long took, char **arguments) {
    char line[8192];
    size_t used = (size_t)snprintf(line, sizeof line, "%lld", took);
    for (; *arguments && used + strlen(*arguments) + 2 < sizeof line; arguments++)
        used += (size_t)sprintf(line + used, " %s", *arguments);
    line[used++] = '\n';
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0 || write(log, line, used) < 0) perror(path);
}

int main(int count, char **arguments) {
    const char *real = getenv("UDOCKER_BENCH_REAL"), *log = getenv("UDOCKER_BENCH_LOG");
    pid_t child;
    int status;

    if (count < 1 || !real || !log) {
        fprintf(stderr, "stopwatch: set UDOCKER_BENCH_REAL and UDOCKER_BENCH_LOG\n");
        return 2;
    }
    arguments[0] = (char *)real;
    long long start = now();
    if (posix_spawn(&child, real, NULL, NULL, arguments, environ) != 0) {
        perror(real);
        return 127;
    }
    while (waitpid(child, &status, 0) < 0) {}
    note(log, now() - start, arguments + 1);
    if (WIFSIGNALED(status)) raise(WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
