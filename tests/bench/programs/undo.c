/*
 * The least that undoing a run's changes can take: plain calls, no care.
 *
 *   undo TIMES COUNT DIRECTORY    one line each time: nanoseconds
 *
 * In ten directories below DIRECTORY, COUNT files of 1 KiB are there already and COUNT are added. What is measured is
 * the removal of those that were added, and the others written anew from copies of them beside DIRECTORY.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 1024, DIRECTORIES = 10 };

static void die(const char *what) {
    perror(what);
    exit(1);
}

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static char *path(const char *directory, const char *kind, int number) {
    static char text[4096];
    int size = snprintf(text, sizeof text, "%s/%d/%s-%d", directory, number % DIRECTORIES, kind, number);
    if (size < 0 || (size_t)size >= sizeof text) die("a long path");
    return text;
}

static void put(const char *file, const char *content, size_t size) {
    int to = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (to < 0 || write(to, content, size) != (ssize_t)size) die(file);
    close(to);
}

static void copy(const char *directory, const char *originals, int number) {
    char content[SIZE];
    int from = open(path(originals, "old", number), O_RDONLY | O_CLOEXEC);
    if (from < 0 || read(from, content, SIZE) != SIZE) die("an original");
    close(from);
    put(path(directory, "old", number), content, SIZE);
}

static void directories(const char *above) {
    char text[4096];
    if (mkdir(above, 0755) != 0 && errno != EEXIST) die(above);
    for (int number = 0; number < DIRECTORIES; number++) {
        int size = snprintf(text, sizeof text, "%s/%d", above, number);
        if (size < 0 || (size_t)size >= sizeof text) die("a long path");
        if (mkdir(text, 0755) != 0 && errno != EEXIST) die(text);
    }
}

int main(int count, char **arguments) {
    char originals[4096], content[SIZE];

    if (count != 4) {
        fprintf(stderr, "usage: undo TIMES COUNT DIRECTORY\n");
        return 2;
    }
    int files = atoi(arguments[2]);
    const char *directory = arguments[3];
    if (snprintf(originals, sizeof originals, "%s-originals", directory) >= (int)sizeof originals) die("a long path");
    memset(content, 'o', SIZE);
    directories(directory);
    directories(originals);
    for (int number = 0; number < files; number++) put(path(originals, "old", number), content, SIZE);
    for (int left = atoi(arguments[1]); left > 0; left--) {
        for (int number = 0; number < files; number++) {
            put(path(directory, "new", number), "changed\n", 8);
            put(path(directory, "old", number), "changed\n", 8);
        }
        long long start = now();
        for (int number = 0; number < files; number++) {
            if (unlink(path(directory, "new", number)) != 0) die("unlink");
            copy(directory, originals, number);
        }
        printf("%lld\n", now() - start);
    }
    return 0;
}
