// Certificates and keys made by the tests themselves.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "common/base/bytes.h"

namespace pavise::hub::testing {

struct Identity {
  std::string certificate_pem;
  std::string key_pem;
  Bytes certificate_der;
};

// A P-256 certificate authority that lives as long as the test.
class TestCa {
 public:
  explicit TestCa(const std::string& name);
  ~TestCa();
  TestCa(const TestCa&) = delete;
  TestCa& operator=(const TestCa&) = delete;

  const Bytes& certificate_der() const { return self_.certificate_der; }
  const std::string& certificate_pem() const { return self_.certificate_pem; }
  // Valid from an hour ago to `valid_s` from now.
  Identity issue(const std::string& common_name, long valid_s = 86'400) const;
  // What a thief of the certificate has: the key's public half is right, the private one is not.
  Identity issue_with_wrong_private_key(const std::string& common_name) const;

 private:
  Identity self_;
  EVP_PKEY* key_ = nullptr;
  X509* certificate_ = nullptr;
};

}  // namespace pavise::hub::testing
