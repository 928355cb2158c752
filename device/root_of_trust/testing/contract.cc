#include "device/root_of_trust/testing/contract.h"

#include <algorithm>
#include <vector>

#include "protocol/tpm/attest.h"
#include "protocol/tpm/credential.h"
#include "protocol/tpm/public_area.h"

namespace pavise::root_of_trust::testing {

#define PAVISE_ASSERT_OK(result) ASSERT_TRUE(result) << (result).error().message()
#define PAVISE_EXPECT_ERROR(result, info)                                 \
  do {                                                                    \
    const auto outcome_ = (result);                                       \
    ASSERT_FALSE(outcome_);                                               \
    EXPECT_TRUE(outcome_.error().is(info)) << outcome_.error().message(); \
  } while (false)

namespace {

Digest256 filled(int value) {
  Digest256 out;
  out.fill(static_cast<std::byte>(value));
  return out;
}

PcrMask mask(std::initializer_list<unsigned> indices) {
  return PcrMask::of(std::vector<unsigned>(indices)).value();
}

Status verify(ByteView key_area, ByteView message, ByteView signature) {
  PAVISE_TRY_ASSIGN(const auto area, tpm::PublicArea::parse(key_area));
  PAVISE_TRY_ASSIGN(const auto key, area.p256_key());
  PAVISE_TRY_ASSIGN(const auto raw, tpm::parse_signature(signature));
  return key.verify_digest(crypto::sha256(message), raw);
}

tpm::Credential credential_for(RootOfTrust& root, ByteView secret) {
  const auto ek = tpm::PublicArea::parse(root.identity().value().ek_public);
  const auto ak_name = tpm::name_of(root.keys().value().ak_public);
  return tpm::make_credential(*ek, ak_name, secret).value();
}

}  // namespace

void RootOfTrustContract::provision() {
  PAVISE_ASSERT_OK(root().provision());
}

void RootOfTrustContract::extend(unsigned pcr, int value) {
  PAVISE_ASSERT_OK(root().extend(pcr, filled(value)));
}

pcr_policy::SignedPcrPolicy RootOfTrustContract::policy_for_now() {
  const std::vector<PcrValues> states{root().read_pcrs(mask({16, 23})).value()};
  return pcr_policy::SignedPcrPolicy::sign(policy_key_, states).value();
}

TEST_P(RootOfTrustContract, AnUnprovisionedTpmSaysSo) {
  PAVISE_EXPECT_ERROR(root().keys(), kNotProvisioned);
  PAVISE_EXPECT_ERROR(root().quote(mask({0}), {}), kNotProvisioned);
  PAVISE_EXPECT_ERROR(root().sign_tls(filled(1)), kNotProvisioned);
  PAVISE_EXPECT_ERROR(root().read_counter(), kNotProvisioned);
  PAVISE_EXPECT_ERROR(root().increment_counter(), kNotProvisioned);
  PAVISE_EXPECT_ERROR(root().activate(Bytes(66), Bytes(256)), kNotProvisioned);
  bench_->expect_nothing_left_behind();
}

TEST_P(RootOfTrustContract, IdentityIsThereFromTheStart) {
  const auto identity = root().identity();
  PAVISE_ASSERT_OK(identity);
  EXPECT_FALSE(identity->ek_certificate.empty());
  const auto area = tpm::PublicArea::parse(identity->ek_public);
  PAVISE_ASSERT_OK(area);
  EXPECT_TRUE(tpm::is_endorsement_key(*area));
  EXPECT_EQ(identity->device, tpm::device_id_from_name(area->name()));
  // The certificate holds that modulus.
  const auto& certificate = identity->ek_certificate;
  EXPECT_NE(std::search(certificate.begin(), certificate.end(), area->modulus.begin(),
                        area->modulus.end()),
            certificate.end());
}

TEST_P(RootOfTrustContract, ProvisioningTwiceChangesNothing) {
  provision();
  const auto keys = root().keys();
  const auto counter = root().increment_counter();
  PAVISE_ASSERT_OK(keys);
  PAVISE_ASSERT_OK(counter);
  provision();
  EXPECT_EQ(root().keys()->ak_public, keys->ak_public);
  EXPECT_EQ(root().keys()->tls_public, keys->tls_public);
  EXPECT_EQ(root().read_counter()->value, counter->value);
  EXPECT_EQ(root().read_counter()->base, counter->base);
  bench_->expect_nothing_left_behind();
}

TEST_P(RootOfTrustContract, KeysSurviveAPowerCycle) {
  provision();
  const auto before = root().keys();
  bench_->power_cycle();
  const auto after = root().keys();
  PAVISE_ASSERT_OK(after);
  EXPECT_EQ(before->ak_public, after->ak_public);
  EXPECT_EQ(before->tls_public, after->tls_public);
}

// A TPM counts every power cut without TPM2_Shutdown as a failed try once an object under
// dictionary-attack protection was used (part 1, 19.8): keys with empty authorization must not be
// such objects.
TEST_P(RootOfTrustContract, PowerCutsDoNotLockTheKeys) {
  provision();
  for (int cut = 0; cut < 8; ++cut) {
    PAVISE_ASSERT_OK(root().sign_tls(Digest256{}));
    PAVISE_ASSERT_OK(root().keys());
    bench_->power_cycle();
  }
  PAVISE_ASSERT_OK(root().sign_tls(Digest256{}));
}

TEST_P(RootOfTrustContract, KeysAreOfTheRightKindAndCertified) {
  provision();
  const auto keys = root().keys();
  PAVISE_ASSERT_OK(keys);
  const auto ak = tpm::PublicArea::parse(keys->ak_public);
  const auto tls = tpm::PublicArea::parse(keys->tls_public);
  PAVISE_ASSERT_OK(ak);
  PAVISE_ASSERT_OK(tls);
  EXPECT_TRUE(tpm::is_attestation_key(*ak));
  EXPECT_TRUE(tpm::is_resident_signing_key(*tls));
  EXPECT_EQ(keys->ak_name, to_bytes(ak->name()));

  PAVISE_ASSERT_OK(verify(keys->ak_public, keys->tls_certify_attest, keys->tls_certify_signature));
  const auto attest = tpm::Attest::parse(keys->tls_certify_attest);
  PAVISE_ASSERT_OK(attest);
  ASSERT_NE(attest->certify(), nullptr);
  EXPECT_EQ(attest->certify()->name, to_bytes(tls->name()));
  EXPECT_TRUE(attest->extra_data.empty());
}

TEST_P(RootOfTrustContract, AQuoteCoversExactlyWhatWasAskedFor) {
  provision();
  extend(16, 1);
  const Bytes qualifying = to_bytes(filled(42));
  const auto quote = root().quote(mask({0, 7, 11, 16}), qualifying);
  PAVISE_ASSERT_OK(quote);
  PAVISE_ASSERT_OK(verify(root().keys()->ak_public, quote->attest, quote->signature));
  const auto attest = tpm::Attest::parse(quote->attest);
  PAVISE_ASSERT_OK(attest);
  ASSERT_NE(attest->quote(), nullptr);
  const tpm::Name ak = tpm::name_of(root().keys()->ak_public);
  EXPECT_EQ(attest->qualified_signer,
            to_bytes(tpm::qualified_name_of_primary(tpm::kEndorsementHierarchy, ak)))
      << "elsewhere the TPM would hide its counters and its firmware version";
  EXPECT_EQ(attest->extra_data, qualifying);
  ASSERT_EQ(attest->quote()->selections.size(), 1U);
  EXPECT_EQ(attest->quote()->selections[0].hash, tpm::kAlgSha256);
  EXPECT_EQ(attest->quote()->selections[0].mask, mask({0, 7, 11, 16}).bits());
  EXPECT_EQ(quote->pcrs.size(), 4U);
  EXPECT_EQ(attest->quote()->pcr_digest, to_bytes(pcr_policy::composite_digest(quote->pcrs)));
  EXPECT_EQ(quote->pcrs.at(16), crypto::sha256({Digest256{}, filled(1)}));
}

TEST_P(RootOfTrustContract, AQuoteOverAllPcrs) {
  provision();
  const auto all = PcrMask::from_bits((1U << kPcrCount) - 1);
  const auto quote = root().quote(*all, {});
  PAVISE_ASSERT_OK(quote);
  EXPECT_EQ(quote->pcrs.size(), kPcrCount);
}

TEST_P(RootOfTrustContract, QualifyingDataAtTheLimitAndOneMore) {
  provision();
  PAVISE_ASSERT_OK(root().quote(mask({0}), Bytes(kQualifyingBytesMax)));
  PAVISE_EXPECT_ERROR(root().quote(mask({0}), Bytes(kQualifyingBytesMax + 1)), kBadArgument);
}

TEST_P(RootOfTrustContract, ExtendFoldsTheDigestIn) {
  extend(16, 1);
  extend(16, 2);
  const auto values = root().read_pcrs(mask({16}));
  PAVISE_ASSERT_OK(values);
  const Digest256 once = crypto::sha256({Digest256{}, filled(1)});
  EXPECT_EQ(values->at(16), crypto::sha256({once, filled(2)}));
  PAVISE_EXPECT_ERROR(root().extend(kPcrCount, filled(1)), kBadArgument);
}

TEST_P(RootOfTrustContract, ActivatesACredentialMadeForIt) {
  provision();
  const Bytes secret = to_bytes(filled(9));
  const auto credential = credential_for(root(), secret);
  const auto yielded = root().activate(credential.id_object, credential.encrypted_secret);
  PAVISE_ASSERT_OK(yielded);
  EXPECT_TRUE(equal(yielded->view(), secret));
  bench_->expect_nothing_left_behind();
}

TEST_P(RootOfTrustContract, RefusesACredentialForAnotherAkOrBent) {
  provision();
  const auto ek = tpm::PublicArea::parse(root().identity()->ek_public);
  const auto wrong_name = tpm::name_of(root().keys()->tls_public);
  const auto foreign = tpm::make_credential(*ek, wrong_name, filled(9));
  PAVISE_EXPECT_ERROR(root().activate(foreign->id_object, foreign->encrypted_secret),
                      kCredentialRefused);

  const auto good = credential_for(root(), filled(9));
  auto bent = good;
  bent.id_object.back() ^= std::byte{1};
  PAVISE_EXPECT_ERROR(root().activate(bent.id_object, bent.encrypted_secret), kCredentialRefused);
  bent = good;
  bent.encrypted_secret.back() ^= std::byte{1};
  PAVISE_EXPECT_ERROR(root().activate(bent.id_object, bent.encrypted_secret), kCredentialRefused);
  PAVISE_EXPECT_ERROR(root().activate(good.id_object, {}), kCredentialRefused);
  PAVISE_EXPECT_ERROR(root().activate({}, good.encrypted_secret), kCredentialRefused);
  PAVISE_EXPECT_ERROR(root().activate(Bytes(kCredentialBytesMax + 1), good.encrypted_secret),
                      kBadArgument);
  PAVISE_EXPECT_ERROR(root().activate(good.id_object, Bytes(kCredentialBytesMax + 1)),
                      kBadArgument);
  bench_->expect_nothing_left_behind();
}

TEST_P(RootOfTrustContract, SignsForTls) {
  provision();
  const auto signature = root().sign_tls(filled(3));
  PAVISE_ASSERT_OK(signature);
  const auto key = tpm::PublicArea::parse(root().keys()->tls_public)->p256_key();
  PAVISE_ASSERT_OK(key->verify_digest(filled(3), *signature));
}

TEST_P(RootOfTrustContract, UnsealsInASignedState) {
  extend(16, 1);
  const Bytes secret(kSealedSecretBytesMax, std::byte{5});
  const auto blob = root().seal(secret, policy_key_.public_key());
  PAVISE_ASSERT_OK(blob);
  EXPECT_LE(blob->size(), kSealedBlobBytesMax);
  const auto policy = policy_for_now();
  const auto opened = root().unseal(*blob, policy);
  PAVISE_ASSERT_OK(opened);
  EXPECT_TRUE(equal(opened->view(), secret));

  bench_->power_cycle();
  PAVISE_EXPECT_ERROR(root().unseal(*blob, policy), kStateNotAllowed);
  extend(16, 1);
  PAVISE_ASSERT_OK(root().unseal(*blob, policy));
  bench_->expect_nothing_left_behind();
}

TEST_P(RootOfTrustContract, OneMoreExtendClosesIt) {
  const auto blob = root().seal(filled(1), policy_key_.public_key());
  const auto policy = policy_for_now();
  PAVISE_ASSERT_OK(root().unseal(*blob, policy));
  extend(23, 1);
  PAVISE_EXPECT_ERROR(root().unseal(*blob, policy), kStateNotAllowed);
  bench_->expect_nothing_left_behind();
}

TEST_P(RootOfTrustContract, TheNextReleaseOpensWhatThisOneSealed) {
  const auto blob = root().seal(filled(1), policy_key_.public_key());
  extend(16, 77);  // the next release measures differently
  const auto policy = policy_for_now();
  PAVISE_ASSERT_OK(root().unseal(*blob, policy));
  // Any entry of several will do.
  const std::vector<PcrValues> states{{{16, filled(1)}}, root().read_pcrs(mask({16})).value()};
  const auto several = pcr_policy::SignedPcrPolicy::sign(policy_key_, states);
  PAVISE_ASSERT_OK(root().unseal(*blob, *several));
}

TEST_P(RootOfTrustContract, AnotherPolicyKeyOpensNothing) {
  const auto blob = root().seal(filled(1), policy_key_.public_key());
  policy_key_ = crypto::P256PrivateKey::generate().value();
  PAVISE_EXPECT_ERROR(root().unseal(*blob, policy_for_now()), kBadSealedBlob);
  bench_->expect_nothing_left_behind();
}

TEST_P(RootOfTrustContract, BentOrForeignBlobsAreRefused) {
  const auto blob = root().seal(filled(1), policy_key_.public_key());
  PAVISE_ASSERT_OK(blob);
  const auto policy = policy_for_now();
  for (std::size_t i = 0; i < blob->size(); ++i) {
    Bytes bent = *blob;
    bent[i] ^= std::byte{1};
    PAVISE_EXPECT_ERROR(root().unseal(bent, policy), kBadSealedBlob);
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, blob->size() - 1})
    PAVISE_EXPECT_ERROR(root().unseal(ByteView(*blob).first(size), policy), kBadSealedBlob);
  PAVISE_EXPECT_ERROR(root().unseal(Bytes(kSealedBlobBytesMax), policy), kBadSealedBlob);
  PAVISE_EXPECT_ERROR(root().unseal(Bytes(kSealedBlobBytesMax + 1), policy), kBadSealedBlob);
  PAVISE_EXPECT_ERROR(root().seal({}, policy_key_.public_key()), kBadArgument);
  PAVISE_EXPECT_ERROR(root().seal(Bytes(kSealedSecretBytesMax + 1), policy_key_.public_key()),
                      kBadArgument);
  bench_->expect_nothing_left_behind();
}

TEST_P(RootOfTrustContract, TheCounterOnlyGoesUp) {
  provision();
  const auto start = root().read_counter();
  PAVISE_ASSERT_OK(start);
  EXPECT_EQ(start->steps(), 0U);
  PAVISE_ASSERT_OK(root().increment_counter());
  const auto next = root().increment_counter();
  PAVISE_ASSERT_OK(next);
  EXPECT_EQ(next->steps(), 2U);
  bench_->power_cycle();
  EXPECT_EQ(root().read_counter()->steps(), 2U);
  bench_->expect_nothing_left_behind();
}

TEST_P(RootOfTrustContract, CommandsAreCounted) {
  const auto before = root().commands_sent();
  extend(16, 1);
  EXPECT_GT(root().commands_sent(), before);
}

// swtpm has three transient slots and three session slots and no resource manager: one leak is seen
// at once.
TEST_P(RootOfTrustContract, AHundredTimesEachLeavesNothingBehind) {
  provision();
  const auto credential = credential_for(root(), filled(9));
  const auto blob = root().seal(filled(1), policy_key_.public_key());
  const auto policy = policy_for_now();
  const auto wrong =
      pcr_policy::SignedPcrPolicy::sign(policy_key_, std::vector<PcrValues>{{{16, filled(1)}}});
  const auto ok = [](const auto& result) { return result.has_value(); };
  const std::vector<std::function<bool()>> operations{
      [&] { return ok(root().identity()); },
      [&] { return ok(root().keys()); },
      [&] { return ok(root().quote(mask({0, 11}), filled(1))); },
      [&] { return ok(root().read_pcrs(mask({0, 11}))); },
      [&] { return ok(root().activate(credential.id_object, credential.encrypted_secret)); },
      [&] { return !ok(root().activate(credential.id_object, Bytes(256))); },
      [&] { return ok(root().sign_tls(filled(1))); },
      [&] { return ok(root().seal(filled(1), policy_key_.public_key())); },
      [&] { return ok(root().unseal(*blob, policy)); },
      [&] { return !ok(root().unseal(*blob, *wrong)); },
      [&] { return !ok(root().unseal(Bytes(80), policy)); },
      [&] { return ok(root().read_counter()); },
      [&] { return ok(root().increment_counter()); },
      [&] { return ok(root().extend(16, filled(1))); },
  };
  for (std::size_t which = 0; which < operations.size(); ++which) {
    for (int i = 0; i < 100; ++i)
      ASSERT_TRUE(operations[which]()) << "operation " << which << ", time " << i;
    bench_->expect_nothing_left_behind();
  }
}

}  // namespace pavise::root_of_trust::testing
