// libcurl as Swift sees it: setopt and getinfo are variadic and macros, which do not import, so there is one shim for each
// type of argument. No logic lives here.
#ifndef COUNTERSIGN_CCURL_H
#define COUNTERSIGN_CCURL_H
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

static inline CURLcode countersign_curl_set_long(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}
static inline CURLcode countersign_curl_set_text(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}
static inline CURLcode countersign_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
  return curl_easy_setopt(handle, option, value);
}
static inline CURLcode countersign_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(handle, option, value);
}
typedef size_t (*countersign_curl_sink)(char *octets, size_t size, size_t count, void *context);
static inline CURLcode countersign_curl_set_sink(CURL *handle, CURLoption option, countersign_curl_sink value) {
  return curl_easy_setopt(handle, option, value);
}
typedef curl_socket_t (*countersign_curl_opener)(void *context, curlsocktype purpose, struct curl_sockaddr *address);
static inline CURLcode countersign_curl_set_opener(CURL *handle, countersign_curl_opener value) {
  return curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, value);
}
typedef CURLcode (*countersign_curl_tls)(CURL *handle, void *tls, void *context);
static inline CURLcode countersign_curl_set_tls(CURL *handle, countersign_curl_tls value) {
  return curl_easy_setopt(handle, CURLOPT_SSL_CTX_FUNCTION, value);
}
static inline CURLcode countersign_curl_long(CURL *handle, CURLINFO info, long *value) {
  return curl_easy_getinfo(handle, info, value);
}
static inline CURLcode countersign_curl_text(CURL *handle, CURLINFO info, char **value) {
  return curl_easy_getinfo(handle, info, value);
}
static inline CURL *countersign_curl_handle(const CURLMsg *message) { return message->easy_handle; }
static inline CURLcode countersign_curl_result(const CURLMsg *message) { return message->data.result; }
static inline curl_socket_t countersign_curl_bad_socket(void) { return CURL_SOCKET_BAD; }
#endif
