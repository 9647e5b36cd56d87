/*
 * The least a download can do: one connection, one thread, bytes from the socket into the file, nothing checked.
 *
 *   fetch PORT PATH FILE    prints the seconds it took, from connecting to the last byte written
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 256 * 1024 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
    static char buffer[BUFFER + 1];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    long long left = -1;
    ssize_t got;

    if (count != 4) return 2;
    double began = now();
    address.sin_port = htons((unsigned short)atoi(arguments[1]));
    int server = socket(AF_INET, SOCK_STREAM, 0);
    int file = open(arguments[3], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || connect(server, (struct sockaddr *)&address, sizeof address) != 0) return 1;
    dprintf(server, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", arguments[2]);
    while (left != 0 && (got = read(server, buffer, BUFFER)) > 0) {
        char *body = buffer;
        if (left < 0) {
            buffer[got] = 0;
            char *length = strcasestr(buffer, "content-length:"), *end = strstr(buffer, "\r\n\r\n");
            if (!length || !end) return 1;
            left = atoll(length + strlen("content-length:"));
            body = end + 4;
            got -= body - buffer;
        }
        if (got > 0 && write(file, body, (size_t)got) != got) return 1;
        left -= got;
    }
    printf("%f\n", now() - began);
    return left != 0;
}
