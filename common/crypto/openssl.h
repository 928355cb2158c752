// For the rooms that speak OpenSSL themselves (TLS, certificate chains): ownership of its objects,
// and what each of them would otherwise write again. Everything here is thread-safe.
#pragma once

#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <string>

#include "common/base/bytes.h"
#include "common/base/clock.h"

namespace pavise::crypto {

// Turns an OpenSSL free function into a unique_ptr deleter.
template <auto kFree>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
template <class T, auto kFree>
using Owned = std::unique_ptr<T, Deleter<kFree>>;
using OwnedX509 = Owned<X509, X509_free>;

// Exactly one DER certificate (RFC 5280) with nothing after it, else nullptr. Leaves OpenSSL's
// error queue of this thread empty. Says nothing about signature, extensions or time.
OwnedX509 read_certificate(ByteView der);

// nullopt if the time is malformed.
std::optional<UnixSeconds> unix_time(const ASN1_TIME* time);

// The newest entry of OpenSSL's error queue of this thread, for people.
std::string last_openssl_reason();

}  // namespace pavise::crypto
