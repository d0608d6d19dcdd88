// The parts of Linux that Swift's Glibc module leaves out, and macros that do not import. No logic lives here.
#ifndef COUNTERSIGN_CLINUX_H
#define COUNTERSIGN_CLINUX_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#endif
