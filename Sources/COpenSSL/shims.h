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
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

// Composite macros are invisible to Swift.
static inline int countersign_evp_pkey_public_key(void) { return EVP_PKEY_PUBLIC_KEY; }
static inline int countersign_evp_pkey_keypair(void) { return EVP_PKEY_KEYPAIR; }
static inline void countersign_openssl_free(void *pointer) { OPENSSL_free(pointer); }
#endif
