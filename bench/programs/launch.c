/*
 * launch PROGRAM ARGS...: runs a program to its end and tells, on descriptor 3, "code wall_us cpu_us": CPU is user + system
 * of it and of all that it started, also of what it left behind.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <fcntl.h>

extern char **environ;

static long now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

static long us(struct timeval t) { return t.tv_sec * 1000000L + t.tv_usec; }

int main(int count, char **args) {
  if (count < 2) return 2;
  fcntl(3, F_SETFD, FD_CLOEXEC);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t pid;
  int status = 0, code = -1;
  long began = now_us(), wall = 0;
  if (posix_spawnp(&pid, args[1], NULL, NULL, args + 1, environ)) return 127;
  for (;;) {
    pid_t ended = wait(&status);
    if (ended < 0 && errno == ECHILD) break;
    if (ended != pid) continue;
    wall = now_us() - began;
    code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  struct rusage used;
  getrusage(RUSAGE_CHILDREN, &used);
  dprintf(3, "%d %ld %ld\n", code, wall, us(used.ru_utime) + us(used.ru_stime));
  return 0;
}
