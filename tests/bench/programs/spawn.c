/*
 * Starts a program again and again and measures each start, from before fork and exec on CLOCK_MONOTONIC.
 *
 *   spawn COUNT exit PROGRAM [ARGUMENT...]   until it has ended; one line each: nanoseconds
 *   spawn COUNT poll PROGRAM [ARGUMENT...]   until it asks the Lambda Runtime API for its first event; one line each:
 *                                            nanoseconds, then resident memory at that moment in kB (VmRSS)
 *
 * It is the Runtime API itself: a server on the loopback that reads one request. In C and static, so that neither its
 * own start, its memory (fork copies page tables) nor an interpreter is part of what it measures.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 8, PATIENCE_MS = 30000 };

extern char **environ;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Listens on a free port and tells it to the children, as the platform does. */
static int runtime_api(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char name[32];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, CLIENTS) != 0) die("listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    snprintf(name, sizeof name, "127.0.0.1:%d", ntohs(address.sin_port));
    setenv("AWS_LAMBDA_RUNTIME_API", name, 1);
    return listener;
}

/* Reads what a client sent; 1 when it is the poll for an event. Other calls (a runtime may register an extension
 * first) get an answer that lets it go on; a client that has hung up is forgotten. */
static int is_poll(struct pollfd *client) {
    static const char other[] = "HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: bench\r\nContent-Length: 2\r\n\r\n{}";
    char request[16384];
    ssize_t got = read(client->fd, request, sizeof request - 1);

    if (got <= 0) {
        close(client->fd);
        client->fd = -1;
        return 0;
    }
    request[got] = 0;
    if (strstr(request, "/invocation/next")) return 1;
    return write(client->fd, other, sizeof other - 1) < 0;
}

/* Answers the time of the poll; leaves the connections to `sockets`, because a client that loses its own complains. */
static long long wait_for_poll(struct pollfd *sockets, int *used) {
    int count = 1;
    long long at = 0;

    while (!at) {
        if (poll(sockets, count, PATIENCE_MS) <= 0) die("spawn: the program did not poll for an event");
        for (int i = 1; i < count && !at; i++)
            if (sockets[i].revents && is_poll(&sockets[i])) at = now();
        if (!at && sockets[0].revents && count <= CLIENTS)
            sockets[count++] = (struct pollfd){.fd = accept4(sockets[0].fd, NULL, NULL, SOCK_CLOEXEC), .events = POLLIN};
    }
    *used = count;
    return at;
}

static long resident_kb(pid_t child) {
    char path[64], line[256];
    long kb = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)child);
    FILE *status = fopen(path, "re");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1) break;
    if (status) fclose(status);
    return kb;
}

int main(int count, char **arguments) {
    if (count < 4) {
        fprintf(stderr, "usage: spawn COUNT exit|poll PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    int poll_mode = strcmp(arguments[2], "poll") == 0;
    int listener = poll_mode ? runtime_api() : -1;
    posix_spawn_file_actions_t silent;
    posix_spawn_file_actions_init(&silent);
    posix_spawn_file_actions_addopen(&silent, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&silent, 1, "/dev/null", O_WRONLY, 0);

    for (int left = atoi(arguments[1]); left > 0; left--) {
        pid_t child;
        int status;
        long long start = now();
        if (posix_spawn(&child, arguments[3], &silent, NULL, arguments + 3, environ) != 0) die(arguments[3]);
        if (poll_mode) {
            struct pollfd sockets[1 + CLIENTS] = {{.fd = listener, .events = POLLIN}};
            int used;
            long long polled = wait_for_poll(sockets, &used);
            printf("%lld %ld\n", polled - start, resident_kb(child));
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            while (--used > 0)
                if (sockets[used].fd >= 0) close(sockets[used].fd);
        } else {
            waitpid(child, &status, 0);
            printf("%lld\n", now() - start);
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                fprintf(stderr, "spawn: %s failed (status %d)\n", arguments[3], status);
                return 1;
            }
        }
    }
    return 0;
}
