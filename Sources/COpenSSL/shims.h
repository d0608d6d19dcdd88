// libcrypto and libssl as Swift sees them, plus the macros that do not import. No logic lives here.
#ifndef COUNTERSIGN_COPENSSL_H
#define COUNTERSIGN_COPENSSL_H
// The fixed-base elliptic-curve calls and the plain SHA-2 states are marked deprecated in 3.0; warnings are errors here.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/bio.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Composite macros are invisible to Swift.
static inline int countersign_evp_pkey_public_key(void) { return EVP_PKEY_PUBLIC_KEY; }
static inline int countersign_evp_pkey_keypair(void) { return EVP_PKEY_KEYPAIR; }
static inline void *countersign_ssl_ctx_get_app_data(const SSL_CTX *context) { return SSL_CTX_get_app_data(context); }
static inline int countersign_ssl_ctx_set_app_data(SSL_CTX *context, void *value) {
  return SSL_CTX_set_app_data(context, value);
}
static inline GENERAL_NAMES *countersign_x509_names(const X509 *certificate) {
  return (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}
static inline int countersign_names_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline GENERAL_NAME *countersign_names_value(const GENERAL_NAMES *names, int index) {
  return sk_GENERAL_NAME_value(names, index);
}
static inline int countersign_name_kind(const GENERAL_NAME *name) { return name->type; }
static inline const ASN1_STRING *countersign_name_text(const GENERAL_NAME *name) { return name->d.ia5; }
// The listener's TLS: no session outlives its connection (neither cache nor tickets: a resumed one would pass by a
// client's certificate), and nothing is renegotiated or compressed.
static inline void countersign_tls_restrict(SSL_CTX *context, int minimum) {
  SSL_CTX_set_min_proto_version(context, minimum);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
}
static inline int countersign_tls_add_chain(SSL_CTX *context, X509 *certificate) {
  return (int)SSL_CTX_add1_chain_cert(context, certificate);
}
static inline int countersign_bio_type(void) { return BIO_get_new_index() | BIO_TYPE_SOURCE_SINK; }
static inline int countersign_error_reason(unsigned long error) { return ERR_GET_REASON(error); }
static inline void countersign_openssl_free(void *pointer) { OPENSSL_free(pointer); }
#endif
