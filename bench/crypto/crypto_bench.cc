// What our wrapping adds to the raw operation. Compare each pair Floor/Ours of one run.
#include <benchmark/benchmark.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>

#include "common/crypto/crypto.h"

// The floor is the deprecated low-level interface; see common/crypto/README.md.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

namespace {

using namespace pavise;

const Digest256 kDigest = crypto::sha256(as_bytes("benchmark"));

EC_KEY* raw_key() {
  static EC_KEY* const key = [] {
    EC_KEY* made = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    EC_KEY_generate_key(made);
    return made;
  }();
  return key;
}
const crypto::P256PrivateKey& our_key() {
  static const auto key = crypto::P256PrivateKey::generate();
  return *key;
}

void BM_VerifyFloor(benchmark::State& state) {
  ECDSA_SIG* const signature = ECDSA_do_sign(as_uchar(kDigest), 32, raw_key());
  for (auto _ : state)
    benchmark::DoNotOptimize(ECDSA_do_verify(as_uchar(kDigest), 32, signature, raw_key()));
  ECDSA_SIG_free(signature);
}
BENCHMARK(BM_VerifyFloor);

void BM_VerifyOurs(benchmark::State& state) {
  const auto signature = our_key().sign_digest(kDigest);
  const auto key = our_key().public_key();
  for (auto _ : state) benchmark::DoNotOptimize(key.verify_digest(kDigest, *signature));
}
BENCHMARK(BM_VerifyOurs);

// As the verifier does it: the key arrives as bytes with every message.
void BM_VerifyOursWithFreshKeyAndDer(benchmark::State& state) {
  const Bytes der = crypto::ecdsa_to_der(*our_key().sign_digest(kDigest));
  const Bytes spki = our_key().public_key().spki_der();
  for (auto _ : state) {
    const auto key = crypto::P256PublicKey::from_spki_der(spki);
    const auto signature = crypto::ecdsa_from_der(der);
    benchmark::DoNotOptimize(key->verify_digest(kDigest, *signature));
  }
}
BENCHMARK(BM_VerifyOursWithFreshKeyAndDer);

void BM_PublicKeyFromPoint(benchmark::State& state) {
  const auto point = our_key().public_key().point();
  for (auto _ : state) benchmark::DoNotOptimize(crypto::P256PublicKey::from_point(point));
}
BENCHMARK(BM_PublicKeyFromPoint);

// What making the key through the successor interface would cost.
void BM_PublicKeyEvp(benchmark::State& state) {
  const Bytes spki = our_key().public_key().spki_der();
  for (auto _ : state) {
    const unsigned char* at = as_uchar(spki);
    EVP_PKEY_free(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
  }
}
BENCHMARK(BM_PublicKeyEvp);

void BM_SignFloor(benchmark::State& state) {
  for (auto _ : state) ECDSA_SIG_free(ECDSA_do_sign(as_uchar(kDigest), 32, raw_key()));
}
BENCHMARK(BM_SignFloor);

void BM_SignOurs(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(our_key().sign_digest(kDigest));
}
BENCHMARK(BM_SignOurs);

void BM_Sha256Floor(benchmark::State& state) {
  const Bytes data(static_cast<std::size_t>(state.range(0)));
  EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  unsigned char out[32];
  for (auto _ : state) {
    EVP_DigestInit_ex(context, md, nullptr);
    EVP_DigestUpdate(context, data.data(), data.size());
    EVP_DigestFinal_ex(context, out, nullptr);
    benchmark::DoNotOptimize(out);
  }
  EVP_MD_CTX_free(context);
  EVP_MD_free(md);
}
BENCHMARK(BM_Sha256Floor)->Arg(64)->Arg(65536);

void BM_Sha256Ours(benchmark::State& state) {
  const Bytes data(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(crypto::sha256(data));
}
BENCHMARK(BM_Sha256Ours)->Arg(64)->Arg(65536);

void BM_HmacSha256Ours(benchmark::State& state) {
  const Bytes data(64);
  for (auto _ : state) benchmark::DoNotOptimize(crypto::hmac_sha256(kDigest, data));
}
BENCHMARK(BM_HmacSha256Ours);

}  // namespace

#pragma clang diagnostic pop

BENCHMARK_MAIN();
