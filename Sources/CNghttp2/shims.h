// libnghttp2 as Swift sees it.
#ifndef COUNTERSIGN_CNGHTTP2_H
#define COUNTERSIGN_CNGHTTP2_H
#include <nghttp2/nghttp2.h>
#endif
