// The parts of Linux that Swift's Glibc module leaves out, and macros that do not import. No logic lives here.
#ifndef COUNTERSIGN_CLINUX_H
#define COUNTERSIGN_CLINUX_H
// No _GNU_SOURCE: it changes types that Swift's own Glibc module has without it (fd_set), and two forms of one type do
// not build together. What it would declare is declared here.
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

extern int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);
extern int sched_getaffinity(pid_t process, size_t size, cpu_set_t *set);

// Its address argument is a transparent union under _GNU_SOURCE, which Swift cannot pass a null for.
static inline int countersign_accept(int listener) {
  return accept4(listener, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

// Variadic.
static inline int countersign_name_thread(const char *name) {
  return prctl(PR_SET_NAME, name, 0, 0, 0);
}
#endif
