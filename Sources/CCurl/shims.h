// libcurl as Swift sees it: a table of its functions, filled when a program first needs them. Linking it would load it
// into every process, and with it the libraries behind it (Kerberos, LDAP, GnuTLS: 4 MB and most of the start), for
// services that fetch nothing. setopt and getinfo are variadic and do not import, so there is one shim for each type of
// argument. No logic lives here beyond the loading.
#ifndef COUNTERSIGN_CCURL_H
#define COUNTERSIGN_CCURL_H
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <stddef.h>

// What is called, each by its own declaration in curl.h.
#define COUNTERSIGN_CURL_FUNCTIONS(function) \
  function(global_init) function(free) \
  function(easy_init) function(easy_cleanup) function(easy_strerror) \
  function(multi_init) function(multi_cleanup) function(multi_wakeup) function(multi_perform) function(multi_poll) \
  function(multi_add_handle) function(multi_remove_handle) function(multi_info_read) \
  function(slist_append) function(slist_free_all) \
  function(url) function(url_cleanup) function(url_set) function(url_get)

struct countersign_curl {
#define COUNTERSIGN_CURL_FIELD(name) __typeof__(curl_##name) *name;
  COUNTERSIGN_CURL_FUNCTIONS(COUNTERSIGN_CURL_FIELD)
#undef COUNTERSIGN_CURL_FIELD
  void *easy_setopt, *easy_getinfo;
};

// Loads libcurl for the rest of the process's life. Null when it is there whole; else what is wrong, in dlerror's words.
static inline const char *countersign_curl_load(struct countersign_curl *curl) {
  void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return dlerror();
#define COUNTERSIGN_CURL_FIND(name) \
  curl->name = (__typeof__(curl_##name) *)dlsym(library, "curl_" #name); \
  if (curl->name == NULL) return "libcurl.so.4 has no curl_" #name;
  COUNTERSIGN_CURL_FUNCTIONS(COUNTERSIGN_CURL_FIND)
#undef COUNTERSIGN_CURL_FIND
  curl->easy_setopt = dlsym(library, "curl_easy_setopt");
  curl->easy_getinfo = dlsym(library, "curl_easy_getinfo");
  return curl->easy_setopt == NULL || curl->easy_getinfo == NULL ? "libcurl.so.4 has no curl_easy_setopt" : NULL;
}

typedef __typeof__(curl_easy_setopt) *countersign_curl_setopt;
typedef __typeof__(curl_easy_getinfo) *countersign_curl_getinfo;

static inline CURLcode countersign_curl_set_long(void *setopt, CURL *handle, CURLoption option, long value) {
  return ((countersign_curl_setopt)setopt)(handle, option, value);
}
static inline CURLcode countersign_curl_set_text(void *setopt, CURL *handle, CURLoption option, const char *value) {
  return ((countersign_curl_setopt)setopt)(handle, option, value);
}
static inline CURLcode countersign_curl_set_pointer(void *setopt, CURL *handle, CURLoption option, void *value) {
  return ((countersign_curl_setopt)setopt)(handle, option, value);
}
static inline CURLcode countersign_curl_set_list(
    void *setopt, CURL *handle, CURLoption option, struct curl_slist *value) {
  return ((countersign_curl_setopt)setopt)(handle, option, value);
}
typedef size_t (*countersign_curl_sink)(char *octets, size_t size, size_t count, void *context);
static inline CURLcode countersign_curl_set_sink(
    void *setopt, CURL *handle, CURLoption option, countersign_curl_sink value) {
  return ((countersign_curl_setopt)setopt)(handle, option, value);
}
typedef curl_socket_t (*countersign_curl_opener)(void *context, curlsocktype purpose, struct curl_sockaddr *address);
static inline CURLcode countersign_curl_set_opener(void *setopt, CURL *handle, countersign_curl_opener value) {
  return ((countersign_curl_setopt)setopt)(handle, CURLOPT_OPENSOCKETFUNCTION, value);
}
typedef CURLcode (*countersign_curl_tls)(CURL *handle, void *tls, void *context);
static inline CURLcode countersign_curl_set_tls(void *setopt, CURL *handle, countersign_curl_tls value) {
  return ((countersign_curl_setopt)setopt)(handle, CURLOPT_SSL_CTX_FUNCTION, value);
}
static inline CURLcode countersign_curl_long(void *getinfo, CURL *handle, CURLINFO info, long *value) {
  return ((countersign_curl_getinfo)getinfo)(handle, info, value);
}
static inline CURLcode countersign_curl_text(void *getinfo, CURL *handle, CURLINFO info, char **value) {
  return ((countersign_curl_getinfo)getinfo)(handle, info, value);
}
static inline CURL *countersign_curl_handle(const CURLMsg *message) { return message->easy_handle; }
static inline CURLcode countersign_curl_result(const CURLMsg *message) { return message->data.result; }
static inline curl_socket_t countersign_curl_bad_socket(void) { return CURL_SOCKET_BAD; }
#endif
