#include "cloud/security/signer/wire/wire.h"

#include <gtest/gtest.h>

namespace pavise::security::signer::wire {
namespace {

const TenantId kAcme = *TenantId::parse("acme");

LeafRequest sample_leaf() {
  LeafRequest leaf{.tenant = kAcme,
                   .device = *DeviceId::parse(std::string(64, 'a')),
                   .public_xy = {},
                   .not_before = 1'000,
                   .not_after = 2'000,
                   .serial = {}};
  leaf.public_xy[63] = std::byte{9};
  leaf.serial[0] = std::byte{0x41};
  return leaf;
}

template <class T>
T round_trip(const T& request) {
  const auto parsed = parse_request(encode_request(request));
  return std::get<T>(parsed.value());
}

TEST(SignerWire, RequestsRoundTrip) {
  EXPECT_EQ(round_trip(CreateTenantCa{kAcme}).tenant, kAcme);
  EXPECT_EQ(round_trip(List{"zeta"}).after, "zeta");
  const auto sign = round_trip(SignLeaves{{sample_leaf(), sample_leaf()}});
  ASSERT_EQ(sign.leaves.size(), 2U);
  EXPECT_EQ(sign.leaves[1].device, sample_leaf().device);
  EXPECT_EQ(sign.leaves[1].public_xy, sample_leaf().public_xy);
  EXPECT_EQ(sign.leaves[1].not_before, 1'000);
  EXPECT_EQ(sign.leaves[1].not_after, 2'000);
  EXPECT_EQ(sign.leaves[1].serial, sample_leaf().serial);
  const MakeServerCertificate server{{{"a.example", "b.example"}, {"127.0.0.1"}, {}}};
  EXPECT_EQ(round_trip(server).request.dns_names, server.request.dns_names);
  EXPECT_EQ(round_trip(server).request.ip_addresses, server.request.ip_addresses);
}

TEST(SignerWire, BatchLimitIsExact) {
  SignLeaves request;
  EXPECT_FALSE(parse_request(encode_request(request))) << "none";
  request.leaves.assign(kLeavesPerBatchMax, sample_leaf());
  EXPECT_TRUE(parse_request(encode_request(request)));
  request.leaves.push_back(sample_leaf());
  EXPECT_FALSE(parse_request(encode_request(request)));
}

TEST(SignerWire, NameLimitsAreExact) {
  MakeServerCertificate server;
  server.request.dns_names.assign(kServerNamesMax, std::string(kDnsNameBytesMax, 'a'));
  server.request.ip_addresses.assign(kServerNamesMax, std::string(kIpTextBytesMax, '1'));
  EXPECT_TRUE(parse_request(encode_request(server)));
  server.request.dns_names.front() += 'a';
  EXPECT_FALSE(parse_request(encode_request(server)));
  server.request.dns_names.assign(kServerNamesMax + 1, "a");
  EXPECT_FALSE(parse_request(encode_request(server)));
  server.request.dns_names = {};
  server.request.ip_addresses = {std::string(kIpTextBytesMax + 1, '1')};
  EXPECT_FALSE(parse_request(encode_request(server)));
}

TEST(SignerWire, RefusesEveryTruncationAndAnyAppendedByte) {
  const Request requests[] = {CreateTenantCa{kAcme}, SignLeaves{{sample_leaf()}},
                              MakeServerCertificate{{{"a"}, {"::1"}, {}}}, List{"a"}};
  for (const Request& request : requests) {
    Bytes packet = encode_request(request);
    for (std::size_t size = 0; size < packet.size(); ++size)
      EXPECT_TRUE(parse_request(ByteView(packet).first(size)).error().is(kSignerProtocol));
    packet.push_back(std::byte{0});
    EXPECT_FALSE(parse_request(packet));
  }
  EXPECT_FALSE(parse_request(Bytes(kPacketBytesMax + 1)));
}

TEST(SignerWire, RefusesForeignIdentifiers) {
  Bytes packet = encode_request(CreateTenantCa{kAcme});
  packet.back() = std::byte{'/'};
  EXPECT_TRUE(parse_request(packet).error().is(kSignerProtocol));
  EXPECT_FALSE(parse_request(*from_hex("a201000260")));  // operation 0
  EXPECT_FALSE(parse_request(*from_hex("a201050260")));  // operation 5
}

TEST(SignerWire, ResponsesRoundTrip) {
  const AuthorityCertificates pair{Bytes(3, std::byte{1}), Bytes(4, std::byte{2})};
  EXPECT_EQ(parse_authority(encode_response(pair))->issuing, pair.issuing);
  const ServerCertificate server{Bytes(3, std::byte{1}), Bytes(4, std::byte{2})};
  EXPECT_EQ(parse_server_certificate(encode_response(server))->root, server.root);
  const auto list = parse_list(encode_response(std::vector<TenantAuthority>{{kAcme, pair}}));
  ASSERT_TRUE(list);
  EXPECT_EQ(list->front().tenant, kAcme);
  EXPECT_EQ(list->front().certificates.root, pair.root);
  EXPECT_TRUE(parse_list(encode_response(std::vector<TenantAuthority>{}))->empty());
}

TEST(SignerWire, EachLeafHasItsOwnAnswer) {
  std::vector<Result<Bytes>> answers;
  answers.emplace_back(Bytes(5, std::byte{7}));
  answers.emplace_back(Error(kSignerPolicy, "too long"));
  const Bytes packet = encode_response(answers);
  const auto parsed = parse_leaves(packet, 2);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*(*parsed)[0], Bytes(5, std::byte{7}));
  EXPECT_TRUE((*parsed)[1].error().is(kSignerPolicy));
  EXPECT_EQ((*parsed)[1].error().detail(), "too long");
  EXPECT_TRUE(parse_leaves(packet, 1).error().is(kSignerProtocol));
  EXPECT_TRUE(parse_leaves(packet, 3).error().is(kSignerProtocol));
}

TEST(SignerWire, RefusalsKeepTheirCode) {
  for (const ErrorInfo* info : {&kSignerPolicy, &kNoSuchAuthority, &kKeyStoreFailed,
                                &kSignerOverloaded, &kAuthorityDamaged})
    EXPECT_TRUE(parse_authority(encode_refusal(Error(*info, "why"))).error().is(*info));
  static constexpr ErrorInfo foreign{"PV-XYZ-001", Retry::never, "?", ""};
  EXPECT_TRUE(parse_authority(encode_refusal(Error(foreign))).error().is(kSignerProtocol));
  const Error odd(kSignerPolicy, std::string(300, '\xff'));
  EXPECT_TRUE(parse_authority(encode_refusal(odd)).error().is(kSignerPolicy));
}

}  // namespace
}  // namespace pavise::security::signer::wire
