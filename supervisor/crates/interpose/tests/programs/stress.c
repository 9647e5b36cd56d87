// What programs do around system calls: threads, children, signals, registers. Prints a line for each part that worked.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define CHECK(condition) \
    do { if (!(condition)) { printf("line %d: %s (errno %d)\n", __LINE__, #condition, errno); exit(1); } } while (0)

static void *looks(void *directory) {
    char path[64];
    snprintf(path, sizeof path, "%s/passwd", (char *)directory);
    for (int i = 0; i < 200; i++) {
        struct stat about;
        if (stat(path, &about) || access(path, R_OK)) return "stat";
        int file = open(path, O_RDONLY);
        char byte;
        if (file < 0 || read(file, &byte, 1) != 1 || close(file)) return "read";
    }
    return NULL;
}

static void threads(void) {
    for (int round = 0; round < 10; round++) {
        pthread_t thread[16];
        for (int i = 0; i < 16; i++) CHECK(pthread_create(&thread[i], NULL, looks, "/etc") == 0);
        for (int i = 0; i < 16; i++) {
            void *result;
            CHECK(pthread_join(thread[i], &result) == 0 && result == NULL);
        }
    }
    puts("threads");
}

static int wait_for(pid_t child) {
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void children(const char *self) {
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        if (child == 0) _exit(looks("/etc") ? 1 : 7);
        CHECK(wait_for(child) == 7);
        child = vfork();
        if (child == 0) {
            execl(self, self, "exit", "9", (char *)NULL);
            _exit(1);
        }
        CHECK(wait_for(child) == 9);
        child = vfork();
        if (child == 0) {
            execl("/no/such", "such", (char *)NULL);
            _exit(errno == ENOENT ? 3 : 1);
        }
        CHECK(wait_for(child) == 3);
        char *arguments[] = {(char *)self, "exit", "11", NULL};
        CHECK(posix_spawn(&child, self, NULL, NULL, arguments, environ) == 0);
        CHECK(wait_for(child) == 11);
        CHECK(posix_spawn(&child, "/no/such", NULL, NULL, arguments, environ) == ENOENT);
    }
    puts("children");
}

static volatile int caught;
static void count(int signal) {
    struct stat about;
    int before = errno;
    if (stat("/etc/passwd", &about) == 0) caught++;
    errno = before;
    (void)signal;
}

static void storm(void) {
    struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    struct itimerval every = {{0, 200}, {0, 200}};
    CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
    for (int i = 0; i < 20; i++) CHECK(looks("/etc") == NULL);
    every = (struct itimerval){0};
    CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
    CHECK(caught > 3);
    puts("signal storm");
}

static sigjmp_buf back;
static void leap(int signal) { (void)signal; siglongjmp(back, 1); }

static void leaps(void) {
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    CHECK(sigaltstack(&alternate, NULL) == 0);
    struct sigaction action = {.sa_handler = leap, .sa_flags = SA_ONSTACK};
    for (volatile int i = 0; i < 50; i++) {
        CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
        if (sigsetjmp(back, 1) == 0) {
            raise(SIGUSR1);
            CHECK(!"raise returned");
        }
        CHECK(looks("/etc") == NULL);
    }
    puts("siglongjmp");
}

static volatile int traps;
static void trapped(int signal) { traps += signal == SIGTRAP; }

static void own_traps(void) {
    struct sigaction action = {.sa_handler = trapped}, old;
    CHECK(sigaction(SIGTRAP, &action, NULL) == 0);
    CHECK(sigaction(SIGTRAP, NULL, &old) == 0 && old.sa_handler == trapped);
    __asm__ volatile("int3");
    raise(SIGTRAP);
    CHECK(traps == 2);
    CHECK(looks("/etc") == NULL);
    puts("SIGTRAP");
}

static void masks(void) {
    sigset_t all, old;
    sigfillset(&all);
    CHECK(sigprocmask(SIG_SETMASK, &all, &old) == 0);
    CHECK(looks("/etc") == NULL);
    CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
    struct timespec soon = {0, 1000000};
    CHECK(ppoll(NULL, 0, &soon, &all) == 0);
    CHECK(pselect(0, NULL, NULL, NULL, &soon, &all) == 0);
    CHECK(looks("/etc") == NULL);
    puts("masks");
}

static void bad_pointers(void) {
    char *none = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(none != MAP_FAILED && munmap(none + 4096, 4096) == 0);
    memset(none, 'a', 4096);
    CHECK(syscall(SYS_open, 8, O_RDONLY) == -1 && errno == EFAULT);
    CHECK(syscall(SYS_open, none + 4090, O_RDONLY) == -1 && errno == EFAULT);
    CHECK(syscall(SYS_getcwd, 8, 100) == -1 && errno == EFAULT);
    CHECK(syscall(SYS_execve, 8, NULL, NULL) == -1 && errno == EFAULT);
    char *arguments[] = {"true", NULL};
    CHECK(syscall(SYS_execve, "/bin/sh", arguments, 8) == -1 && errno == EFAULT);
    CHECK(syscall(SYS_rt_sigaction, SIGUSR2, 8, NULL, 8) == -1 && errno == EFAULT);
    memcpy(none + 4096 - 12, "/etc/passwd", 12);
    CHECK(access(none + 4096 - 12, R_OK) == 0);
    char cwd[4];
    CHECK(syscall(SYS_getcwd, cwd, 1) == -1 && errno == ERANGE);
    puts("EFAULT");
}

// A leaf function's locals lie below its stack pointer, and vector registers are its own across a system call.
static void registers(void) {
    const char *path = "/etc/passwd";
    long wrong = 0;
    for (int i = 0; i < 1000; i++) {
        long number = SYS_access, below;
        unsigned char vector[16];
        __asm__ volatile(
            "movq %[magic], -64(%%rsp)\n movq %[magic], %%xmm7\n movq %[magic], %%rbx\n movq %[magic], %%r10\n movq %[magic], %%r8\n movq %[magic], %%r9\n"
            "syscall\n"
            "movq -64(%%rsp), %[below]\n movdqu %%xmm7, %[vector]\n"
            "xorq %[magic], %%rbx\n orq %%rbx, %[wrong]\n xorq %[magic], %%r10\n orq %%r10, %[wrong]\n"
            "xorq %[magic], %%r8\n orq %%r8, %[wrong]\n xorq %[magic], %%r9\n orq %%r9, %[wrong]\n"
            : "+a"(number), [below] "=&r"(below), [vector] "=m"(vector), [wrong] "+r"(wrong)
            : "D"(path), "S"(4L), [magic] "r"(0x123456789abcdefL)
            : "rcx", "r11", "rbx", "r8", "r9", "r10", "xmm7", "memory");
        long seen;
        memcpy(&seen, vector, 8);
        CHECK(number == 0 && below == 0x123456789abcdefL && seen == 0x123456789abcdefL && wrong == 0);
    }
    puts("registers");
}

static void *waits(void *unused) {
    int pipe_ends[2];
    char byte;
    (void)unused;
    CHECK(pipe(pipe_ends) == 0);
    read(pipe_ends[0], &byte, 1);
    return NULL;
}

static void cancelled(void) {
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        void *result;
        CHECK(pthread_create(&thread, NULL, waits, NULL) == 0);
        usleep(2000);
        CHECK(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
    }
    puts("pthread_cancel");
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "exit") == 0) return atoi(argv[2]);
    setvbuf(stdout, NULL, _IONBF, 0);
    alarm(60);
    threads();
    children(argv[0]);
    storm();
    leaps();
    own_traps();
    masks();
    bad_pointers();
    registers();
    cancelled();
    return 0;
}
