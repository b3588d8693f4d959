/* Kills the process, or makes the disk fail, at a chosen call that changes files under a folder. Loaded before the C library; armed by the test.
 *
 * Counted calls: write, pwrite, ftruncate, fsync, fdatasync, rename, unlink, mkdir. At the chosen one the process ends by SIGKILL before the call
 * (KILL) or, of a write, after half of its bytes (TEAR); or it and all after it fail with an errno until `fault_heal` (FAIL).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { COUNT, KILL, TEAR, FAIL };
static int mode = COUNT, code = ENOSPC;
static long at = -1, seen = 0;
static char folder[PATH_MAX] = "";

void fault_arm(int chosen, long call, int error, const char *under) {
    mode = chosen, at = call, code = error, seen = 0;
    snprintf(folder, sizeof folder, "%s", under);
}
void fault_heal(void) { mode = COUNT; }
long fault_seen(void) { return seen; }

static int under_path(const char *path) { return *folder && strncmp(path, folder, strlen(folder)) == 0; }
static int under(int descriptor) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return under_path(path);
}
static void end(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}
/* 0: go on, 1: fail, 2: tear. */
static int meets(int counts, int writes) {
    if (!counts) return 0;
    seen++;
    if (mode == FAIL && seen >= at) { errno = code; return 1; }
    if (seen != at) return 0;
    if (mode == KILL || (mode == TEAR && !writes)) end();
    return mode == TEAR ? 2 : 0;
}
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int d, const void *b, size_t n) {
    int met = meets(under(d), 1);
    if (met == 1) return -1;
    if (met == 2) { REAL(write)(d, b, n / 2); end(); }
    return REAL(write)(d, b, n);
}
ssize_t pwrite64(int d, const void *b, size_t n, off64_t o) {
    int met = meets(under(d), 1);
    if (met == 1) return -1;
    if (met == 2) { REAL(pwrite64)(d, b, n / 2, o); end(); }
    return REAL(pwrite64)(d, b, n, o);
}
ssize_t pwrite(int d, const void *b, size_t n, off_t o) { return pwrite64(d, b, n, o); }
int ftruncate64(int d, off64_t n) { return meets(under(d), 0) ? -1 : REAL(ftruncate64)(d, n); }
int ftruncate(int d, off_t n) { return ftruncate64(d, n); }
int fsync(int d) { return meets(under(d), 0) ? -1 : REAL(fsync)(d); }
int fdatasync(int d) { return meets(under(d), 0) ? -1 : REAL(fdatasync)(d); }
int rename(const char *a, const char *b) { return meets(under_path(b), 0) ? -1 : REAL(rename)(a, b); }
int unlink(const char *p) { return meets(under_path(p) && mode != FAIL, 0) ? -1 : REAL(unlink)(p); } /* a full disk lets go of files */
int mkdir(const char *p, mode_t m) { return meets(under_path(p), 0) ? -1 : REAL(mkdir)(p, m); }
