#include "protocol/evidence/evidence.h"

#include <gtest/gtest.h>

#include <functional>

#include "common/crypto/crypto.h"
#include "protocol/cbor/cbor.h"
#include "protocol/evidence/voucher.h"

namespace pavise::evidence {
namespace {

const std::string kDevice = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const DeviceId kDeviceId = *DeviceId::parse(kDevice);

// Keeps the memory that the fields of an example point into.
struct Example {
  Bytes field(std::size_t size) { return Bytes(size, std::byte{0x5a}); }
  Bytes ak = field(100), quote = field(150), signature = field(72), log = field(300),
        csr = field(250), tls = field(90), certify = field(140);
  EvidenceFields fields() const {
    EvidenceFields out;
    out.session[0] = std::byte{1};
    out.ak_public = ak;
    out.quote = quote;
    out.quote_signature = signature;
    out.pcrs = {{0, Digest256{}}, {11, crypto::sha256(as_bytes("x"))}, {23, Digest256{}}};
    out.event_log = log;
    out.runtime_events = {{11, "pavise:data-opened"}};
    out.csr = csr;
    out.tls_public = tls;
    out.certify = certify;
    out.certify_signature = signature;
    return out;
  }
};

TEST(Evidence, RoundTripOfEveryField) {
  const Example example;
  EvidenceFields in = example.fields();
  in.activation_secret = crypto::sha256(as_bytes("secret"));
  in.claims = {{"version", "1"}, {"cmdline", "quiet"}, {"os", "pavise"}};
  auto parsed = Evidence::parse(encode_evidence(in));
  ASSERT_TRUE(parsed) << parsed.error().message();
  // The views must survive the move of their owner.
  const Evidence out = *std::move(parsed);
  EXPECT_EQ(out->session, in.session);
  EXPECT_TRUE(equal(out->ak_public, in.ak_public));
  EXPECT_TRUE(equal(out->quote, in.quote));
  EXPECT_TRUE(equal(out->quote_signature, in.quote_signature));
  EXPECT_EQ(out->pcrs, in.pcrs);
  EXPECT_TRUE(equal(out->event_log, in.event_log));
  EXPECT_EQ(out->runtime_events, in.runtime_events);
  EXPECT_TRUE(equal(out->csr, in.csr));
  EXPECT_TRUE(equal(out->tls_public, in.tls_public));
  EXPECT_TRUE(equal(out->certify, in.certify));
  EXPECT_TRUE(equal(out->certify_signature, in.certify_signature));
  EXPECT_EQ(out->activation_secret, in.activation_secret);
  EXPECT_EQ(out.claim("cmdline"), "quiet");
  EXPECT_EQ(out.claim("os"), "pavise");
  EXPECT_EQ(out.claim("absent"), std::nullopt);
}

// One row per limit: sets a field to a size. It must pass at `max` and fail at `max + 1`.
struct LimitRow {
  std::string_view name;
  std::size_t max;
  std::function<void(EvidenceFields&, ByteView)> set;
};

TEST(Evidence, EveryByteLimitAtNAndNPlus1) {
  const LimitRow rows[] = {
      {"ak", kPublicAreaBytesMax, [](auto& f, ByteView v) { f.ak_public = v; }},
      {"quote", kAttestBytesMax, [](auto& f, ByteView v) { f.quote = v; }},
      {"quote signature", kSignatureBytesMax, [](auto& f, ByteView v) { f.quote_signature = v; }},
      {"log", kEventLogBytesMax, [](auto& f, ByteView v) { f.event_log = v; }},
      {"csr", kCsrBytesMax, [](auto& f, ByteView v) { f.csr = v; }},
      {"tls", kPublicAreaBytesMax, [](auto& f, ByteView v) { f.tls_public = v; }},
      {"certify", kAttestBytesMax, [](auto& f, ByteView v) { f.certify = v; }},
      {"certify signature", kSignatureBytesMax,
       [](auto& f, ByteView v) { f.certify_signature = v; }},
      {"event text", kRuntimeEventTextBytesMax,
       [](auto& f, ByteView v) { f.runtime_events = {{11, as_text(v)}}; }},
      {"claim value", kClaimValueBytesMax,
       [](auto& f, ByteView v) { f.claims = {{"k", as_text(v)}}; }},
      {"claim key", kClaimKeyBytesMax, [](auto& f, ByteView v) { f.claims = {{as_text(v), ""}}; }}};
  const Example example;
  for (const auto& row : rows) {
    const Bytes value(row.max + 1, std::byte{'a'});
    EvidenceFields fields = example.fields();
    row.set(fields, ByteView(value).first(row.max));
    EXPECT_TRUE(Evidence::parse(encode_evidence(fields))) << row.name;
    row.set(fields, value);
    const auto above = Evidence::parse(encode_evidence(fields));
    ASSERT_FALSE(above) << row.name;
    EXPECT_TRUE(above.error().is(cbor::kOutOfRange)) << row.name;
  }
}

TEST(Evidence, EveryCountLimitAtNAndNPlus1) {
  const Example example;
  std::vector<std::string> names;
  for (std::size_t i = 0; i <= kClaimsMax; ++i) names.push_back("claim" + std::to_string(100 + i));
  for (const std::size_t more : {0U, 1U}) {
    EvidenceFields events = example.fields();
    events.runtime_events.assign(kRuntimeEventsMax + more, {11, "event"});
    EXPECT_EQ(Evidence::parse(encode_evidence(events)).has_value(), more == 0);

    EvidenceFields claims = example.fields();
    for (std::size_t i = 0; i < kClaimsMax + more; ++i) claims.claims.emplace_back(names[i], "");
    EXPECT_EQ(Evidence::parse(encode_evidence(claims)).has_value(), more == 0);

    EvidenceFields pcrs = example.fields();
    pcrs.pcrs.clear();
    for (std::size_t i = 0; i < kPcrsMax + more; ++i)
      pcrs.pcrs.push_back({static_cast<std::uint8_t>(i), {}});
    EXPECT_EQ(Evidence::parse(encode_evidence(pcrs)).has_value(), more == 0);
  }
}

TEST(Evidence, TheLargestMessageFitsTheCap) {
  const Bytes large(kEventLogBytesMax, std::byte{'a'});
  const ByteView all(large);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kClaimsMax; ++i)
    names.push_back(std::string(kClaimKeyBytesMax - 2, 'k') + std::to_string(10 + i));
  EvidenceFields f;
  f.ak_public = f.tls_public = all.first(kPublicAreaBytesMax);
  f.quote = f.certify = all.first(kAttestBytesMax);
  f.quote_signature = f.certify_signature = all.first(kSignatureBytesMax);
  for (std::uint8_t i = 0; i < kPcrsMax; ++i) f.pcrs.push_back({i, {}});
  f.event_log = all;
  f.runtime_events.assign(kRuntimeEventsMax, {23, as_text(all.first(kRuntimeEventTextBytesMax))});
  f.csr = all.first(kCsrBytesMax);
  f.activation_secret = Digest256{};
  for (const auto& name : names)
    f.claims.emplace_back(name, as_text(all.first(kClaimValueBytesMax)));
  EXPECT_TRUE(Evidence::parse(encode_evidence(f)));
  const auto above = Evidence::parse(Bytes(kEvidenceBytesMax + 1));
  ASSERT_FALSE(above);
  EXPECT_TRUE(above.error().is(kMessageTooLong));
}

TEST(Evidence, RefusesBrokenRules) {
  const Example example;
  const std::pair<std::string_view, std::function<void(EvidenceFields&)>> rows[] = {
      {"PCRs not ascending", [](auto& f) { std::swap(f.pcrs[0], f.pcrs[1]); }},
      {"PCR twice", [](auto& f) { f.pcrs[1].pcr = f.pcrs[0].pcr; }},
      {"no PCR", [](auto& f) { f.pcrs.clear(); }},
      {"PCR 24", [](auto& f) { f.pcrs.back().pcr = 24; }},
      {"event in PCR 24", [](auto& f) { f.runtime_events = {{24, "x"}}; }},
      {"event with a line break", [](auto& f) { f.runtime_events = {{11, "a\nb"}}; }},
      {"event outside ASCII", [](auto& f) { f.runtime_events = {{11, "\u00fc"}}; }},
      {"claim twice", [](auto& f) { f.claims = {{"a", "1"}, {"a", "2"}}; }},
      {"empty claim name", [](auto& f) { f.claims = {{"", "1"}}; }},
      {"empty AK", [](auto& f) { f.ak_public = {}; }},
      {"empty quote", [](auto& f) { f.quote = {}; }},
      {"empty CSR", [](auto& f) { f.csr = {}; }}};
  for (const auto& [why, spoil] : rows) {
    EvidenceFields fields = example.fields();
    spoil(fields);
    EXPECT_FALSE(Evidence::parse(encode_evidence(fields))) << why;
  }
}

TEST(Evidence, RefusesEveryTruncationAndAnyTrailingByte) {
  const Example example;
  Bytes message = encode_evidence(example.fields());
  for (std::size_t size = 0; size < message.size(); ++size)
    EXPECT_FALSE(Evidence::parse(ByteView(message).first(size))) << size;
  message.push_back(std::byte{0});
  EXPECT_FALSE(Evidence::parse(std::move(message)));
}

TEST(Challenge, RoundTripAndRules) {
  Challenge challenge;
  challenge.nonce = crypto::sha256(as_bytes("nonce"));
  challenge.pcrs = {0, 2, 4, 7, 11, 12, 13, 14};
  auto out = Challenge::parse(challenge.encode());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->nonce, challenge.nonce);
  EXPECT_EQ(out->pcrs, challenge.pcrs);
  EXPECT_FALSE(out->activation);

  challenge.activation = Activation{Bytes(kActivationBytesMax), Bytes(kActivationBytesMax)};
  out = Challenge::parse(challenge.encode());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->activation->id_object.size(), kActivationBytesMax);
  challenge.activation->encrypted_secret.resize(kActivationBytesMax + 1);
  EXPECT_FALSE(Challenge::parse(challenge.encode()));
  challenge.activation.reset();
  challenge.pcrs = {4, 2};
  EXPECT_FALSE(Challenge::parse(challenge.encode()));
  challenge.pcrs = {24};
  EXPECT_FALSE(Challenge::parse(challenge.encode()));
  challenge.pcrs = {};
  EXPECT_FALSE(Challenge::parse(challenge.encode()));
  EXPECT_FALSE(Challenge::parse(Bytes(kChallengeBytesMax + 1)));
}

TEST(Challenge, ActivationComesWhole) {
  const Bytes half = cbor::Writer()
                         .map(4)
                         .uint(1)
                         .bytes(Bytes(16))
                         .uint(2)
                         .bytes(Bytes(32))
                         .uint(3)
                         .array(1)
                         .uint(0)
                         .uint(4)
                         .bytes(Bytes(5))
                         .take();
  const auto out = Challenge::parse(half);
  ASSERT_FALSE(out);
  EXPECT_TRUE(out.error().is(cbor::kMissingKey));
}

TEST(ChallengeRequest, RoundTripAndLimits) {
  for (const std::size_t size : {std::size_t{1}, kPublicAreaBytesMax}) {
    const auto out = ChallengeRequest::parse(ChallengeRequest{kDeviceId, Bytes(size)}.encode());
    ASSERT_TRUE(out);
    EXPECT_EQ(out->device, kDeviceId);
    EXPECT_EQ(out->ak_public.size(), size);
  }
  for (const std::size_t size : {std::size_t{0}, kPublicAreaBytesMax + 1})
    EXPECT_FALSE(ChallengeRequest::parse(ChallengeRequest{kDeviceId, Bytes(size)}.encode()));
  EXPECT_FALSE(ChallengeRequest::parse(Bytes(kChallengeRequestBytesMax + 1)));
  const Bytes bad_id =
      cbor::Writer().map(2).uint(1).text(std::string(64, 'G')).uint(2).bytes(Bytes(9)).take();
  EXPECT_FALSE(ChallengeRequest::parse(bad_id));
}

TEST(Response, AcceptedRoundTripAndLimits) {
  Accepted accepted{.leaf = Bytes(kCertificateBytesMax),
                    .chain = std::vector<Bytes>(kChainLengthMax, Bytes(kCertificateBytesMax)),
                    .renew_by = 1'800'000'000,
                    .hub_host = std::string(kHostNameBytesMax, 'h'),
                    .hub_port = 65535,
                    .tenant = *TenantId::parse("acme")};
  const auto out = parse_response(encode_response(accepted));
  ASSERT_TRUE(out) << out.error().message();
  const auto& back = std::get<Accepted>(*out);
  EXPECT_EQ(back.leaf, accepted.leaf);
  EXPECT_EQ(back.chain, accepted.chain);
  EXPECT_EQ(back.renew_by, accepted.renew_by);
  EXPECT_EQ(back.hub_host, accepted.hub_host);
  EXPECT_EQ(back.hub_port, accepted.hub_port);
  EXPECT_EQ(back.tenant, accepted.tenant);

  Accepted bad = accepted;
  bad.chain.emplace_back(1);
  EXPECT_FALSE(parse_response(encode_response(bad)));
  bad = accepted;
  bad.chain.clear();
  EXPECT_FALSE(parse_response(encode_response(bad)));
  bad = accepted;
  bad.leaf.emplace_back();
  EXPECT_FALSE(parse_response(encode_response(bad)));
  bad = accepted;
  bad.hub_host.push_back('h');
  EXPECT_FALSE(parse_response(encode_response(bad)));
  EXPECT_FALSE(parse_response(Bytes(kResponseBytesMax + 1)));
}

TEST(Response, RefusedRoundTrip) {
  for (const Retry retry :
       {Retry::never, Retry::later, Retry::after_reattest, Retry::needs_operator}) {
    const auto out =
        parse_response(encode_response(Refused{"PV-ATT-007", "PCR 11 differs", retry}));
    ASSERT_TRUE(out);
    EXPECT_EQ(std::get<Refused>(*out).code, "PV-ATT-007");
    EXPECT_EQ(std::get<Refused>(*out).reason, "PCR 11 differs");
    EXPECT_EQ(std::get<Refused>(*out).retry, retry);
  }
  for (const std::size_t size : {kReasonBytesMax, kReasonBytesMax + 1}) {
    const auto out =
        parse_response(encode_response(Refused{"c", std::string(size, 'r'), Retry::never}));
    ASSERT_TRUE(out);
    EXPECT_EQ(std::get<Refused>(*out).reason.size(), kReasonBytesMax) << "cut, not refused";
  }
  const auto foreign = parse_response(encode_response(Refused{"c", "\xff\n", Retry::never}));
  ASSERT_TRUE(foreign);
  EXPECT_EQ(std::get<Refused>(*foreign).reason, "??");
  const Bytes forged_line = cbor::Writer()
                                .map(4)
                                .uint(1)
                                .boolean(false)
                                .uint(2)
                                .text("c")
                                .uint(3)
                                .text("denied\nallowed")
                                .uint(4)
                                .text("never")
                                .take();
  EXPECT_FALSE(parse_response(forged_line));
  const Bytes too_long = cbor::Writer()
                             .map(4)
                             .uint(1)
                             .boolean(false)
                             .uint(2)
                             .text("c")
                             .uint(3)
                             .text(std::string(kReasonBytesMax + 1, 'r'))
                             .uint(4)
                             .text("never")
                             .take();
  EXPECT_FALSE(parse_response(too_long));
  const Bytes unknown_retry = cbor::Writer()
                                  .map(4)
                                  .uint(1)
                                  .boolean(false)
                                  .uint(2)
                                  .text("c")
                                  .uint(3)
                                  .text("r")
                                  .uint(4)
                                  .text("soon")
                                  .take();
  EXPECT_FALSE(parse_response(unknown_retry));
}

TEST(Voucher, RoundTripAndLimits) {
  Voucher voucher{kDeviceId, {}, Bytes(kAttestBytesMax), Bytes(kSignatureBytesMax)};
  voucher.serial[3] = std::byte{9};
  const auto out = Voucher::parse(voucher.encode());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->device, voucher.device);
  EXPECT_EQ(out->serial, voucher.serial);
  EXPECT_EQ(out->attest, voucher.attest);
  EXPECT_EQ(out->signature, voucher.signature);
  Voucher bad = voucher;
  bad.attest.emplace_back();
  EXPECT_FALSE(Voucher::parse(bad.encode()));
  bad = voucher;
  bad.signature.emplace_back();
  EXPECT_FALSE(Voucher::parse(bad.encode()));
  bad = voucher;
  bad.attest.clear();
  EXPECT_FALSE(Voucher::parse(bad.encode()));
  EXPECT_FALSE(Voucher::parse(Bytes(kVoucherBytesMax + 1)));
}

// Computed with Python's hashlib from the definition in api/evidence.cddl.
TEST(Bindings, AreTheHashesOfTheirDefinition) {
  Digest256 nonce{}, exporter{}, csr{};
  nonce.fill(std::byte{1});
  exporter.fill(std::byte{2});
  csr.fill(std::byte{3});
  EXPECT_EQ(to_hex(quote_binding(nonce, exporter, csr)),
            "8a2e491356cfdb05a1d13785e0794d7cd163f91af79a146c976b1d2ac643b679");
  VoucherSerial serial{};
  serial.fill(std::byte{7});
  EXPECT_EQ(to_hex(voucher_binding(kDeviceId, serial)),
            "9cfbf379253f65ff09fcdf467887173fc387a44fe2fb49992c9d655cb15ee7a3");
}

}  // namespace
}  // namespace pavise::evidence
