#include "protocol/monitor_ipc/monitor_ipc.h"

#include <gtest/gtest.h>

#include "protocol/cbor/cbor.h"

namespace pavise::monitor_ipc {
namespace {

Digest256 digest(int fill) {
  Digest256 out;
  out.fill(static_cast<std::byte>(fill));
  return out;
}

std::vector<Request> requests() {
  return {Identity{},
          Activate{Bytes(50, std::byte{1}), Bytes(256, std::byte{2})},
          Attest{digest(1), digest(2), digest(3), {0, 7, 23}},
          SignTls{digest(4)},
          Status{},
          OpenData{{}, 0},
          OpenData{Bytes(kBlobBytesMax), UINT64_MAX},
          MeasureApps{{}},
          MeasureApps{{"one", std::string(app_measurement::kAppEventBytesMax, 'x')}},
          Device{}};
}

TEST(MonitorRequest, RoundTrip) {
  for (const Request& request : requests()) {
    const Bytes message = encode(request);
    const auto parsed = parse_request(message);
    ASSERT_TRUE(parsed) << parsed.error().message();
    EXPECT_EQ(operation(*parsed), operation(request));
    EXPECT_EQ(encode(*parsed), message);
  }
}

TEST(MonitorRequest, EveryTruncationAndATrailingByteAreRefused) {
  for (const Request& request : requests()) {
    Bytes message = encode(request);
    for (std::size_t n = 0; n < message.size(); ++n)
      EXPECT_FALSE(parse_request(ByteView(message).first(n)));
    message.push_back(std::byte{0});
    EXPECT_FALSE(parse_request(message));
  }
}

TEST(MonitorRequest, LimitsAtNAndOneMore) {
  EXPECT_FALSE(parse_request(encode(OpenData{Bytes(kBlobBytesMax + 1), 0})));
  EXPECT_TRUE(parse_request(encode(Activate{Bytes(kCredentialBytesMax), Bytes(1)})));
  EXPECT_FALSE(parse_request(encode(Activate{Bytes(kCredentialBytesMax + 1), Bytes(1)})));
  EXPECT_FALSE(parse_request(encode(Activate{Bytes(1), {}})));
  EXPECT_TRUE(parse_request(encode(Attest{digest(0), digest(0), digest(0), {23}})));
  EXPECT_FALSE(parse_request(encode(Attest{digest(0), digest(0), digest(0), {24}})));
  EXPECT_FALSE(parse_request(encode(Attest{digest(0), digest(0), digest(0), {}})));
  EXPECT_FALSE(parse_request(encode(Attest{digest(0), digest(0), digest(0), {7, 7}})));
  EXPECT_FALSE(parse_request(Bytes(kMessageBytesMax + 1)));
}

TEST(MonitorRequest, LimitsOfAppsAtNAndOneMore) {
  using app_measurement::kAppEventBytesMax;
  using app_measurement::kAppEventsMax;
  const std::string longest(kAppEventBytesMax, 'x');
  const Bytes most = encode(MeasureApps{std::vector<std::string>(kAppEventsMax, longest)});
  EXPECT_TRUE(parse_request(most));
  EXPECT_LE(most.size(), kMessageBytesMax / 8);
  EXPECT_FALSE(
      parse_request(encode(MeasureApps{std::vector<std::string>(kAppEventsMax + 1, longest)})));
  EXPECT_FALSE(parse_request(encode(MeasureApps{{longest + "x"}})));
  EXPECT_FALSE(parse_request(encode(MeasureApps{{""}})));
}

TEST(MonitorRequest, UnknownOperationsAndMisplacedArgumentsAreRefused) {
  EXPECT_TRUE(
      parse_request(cbor::Writer().map(1).uint(1).uint(6).take()).error().is(kUnknownOperation));
  const Bytes surplus = cbor::Writer().map(2).uint(1).uint(1).uint(2).map(0).take();
  EXPECT_FALSE(parse_request(surplus)) << "identity has no arguments";
  EXPECT_FALSE(parse_request(cbor::Writer().map(1).uint(1).uint(4).take()))
      << "sign_tls needs some";
}

TEST(MonitorResponse, ResultsComeBackWhole) {
  const IdentityResult identity{std::string(64, 'a'), Bytes(900), Bytes(88), Bytes(90),
                                Bytes(120),           Bytes(72)};
  const auto who = parse_identity(encode(identity).view());
  ASSERT_TRUE(who) << who.error().message();
  EXPECT_EQ(who->device_id, identity.device_id);
  EXPECT_EQ(who->certify, identity.certify);

  const AttestResult quote{Bytes(145),
                           Bytes(72),
                           {{0, digest(1)}, {11, digest(2)}},
                           Bytes(kEventLogBytesMax),
                           {{11, "pavise:data-opened"}}};
  const auto attested = parse_attest(encode(quote).view());
  ASSERT_TRUE(attested) << attested.error().message();
  EXPECT_EQ(attested->pcrs, quote.pcrs);
  EXPECT_EQ(attested->event_log.size(), kEventLogBytesMax);
  EXPECT_EQ(attested->runtime_events, quote.runtime_events);

  EXPECT_EQ(parse_sign_tls(encode(SignTlsResult{Bytes(71)}).view())->signature_der.size(), 71U);
  EXPECT_EQ(parse_status(encode(StatusResult{1500, 42, 60}).view())->tpm_commands, 42U);
  EXPECT_EQ(parse_status(encode(StatusResult{1500, 42, 60}).view())->measured_apps, 60U);
  EXPECT_EQ(parse_activate(encode(ActivateResult{SecretBytes(32)}).view())->secret.size(), 32U);
  EXPECT_EQ(parse_measure_apps(encode(MeasureAppsResult{digest(7)}).view())->pcr, digest(7));
  EXPECT_EQ(parse_device(encode(DeviceResult{std::string(64, 'a')}).view())->device_id,
            std::string(64, 'a'));
  const auto data =
      parse_open_data(encode(OpenDataResult{SecretBytes(64), Bytes(300), true}).view());
  ASSERT_TRUE(data);
  EXPECT_TRUE(data->blob_is_new);
  EXPECT_EQ(data->key.size(), kDataKeyBytes);
}

TEST(MonitorResponse, RefusalsKeepTheirCode) {
  static constexpr ErrorInfo kExample{"PV-MON-004", Retry::never, "older release", "Update."};
  const SecretBytes message = encode_refusal(Error(kExample, "epoch 1 < 2\n"));
  for (const auto& error :
       {parse_identity(message.view()).error(), parse_open_data(message.view()).error()}) {
    EXPECT_TRUE(error.is(kRefused));
    EXPECT_EQ(error.detail(), "PV-MON-004: older release (epoch 1 < 2?). Next: Update.");
  }
  const SecretBytes longest =
      encode_refusal(Error(kExample, std::string(2 * kReasonBytesMax, 'x')));
  EXPECT_TRUE(parse_status(longest.view()).error().is(kRefused));
}

TEST(MonitorResponse, LimitsAndWrongShapesAreRefused) {
  EXPECT_FALSE(parse_open_data(encode(OpenDataResult{SecretBytes(63), {}, false}).view()));
  EXPECT_FALSE(parse_activate(encode(ActivateResult{SecretBytes(33)}).view()));
  EXPECT_FALSE(parse_sign_tls(encode(SignTlsResult{Bytes(kDerSignatureBytesMax + 1)}).view()));
  EXPECT_FALSE(parse_status(encode(SignTlsResult{Bytes(8)}).view()));
  EXPECT_FALSE(parse_attest(
      encode(AttestResult{Bytes(1), Bytes(1), {{1, {}}}, Bytes(kEventLogBytesMax + 1), {}})
          .view()));
  EXPECT_FALSE(parse_measure_apps(encode(SignTlsResult{Bytes(33)}).view()));
  EXPECT_FALSE(parse_measure_apps(encode(StatusResult{1, 2, 3}).view()));
  EXPECT_FALSE(parse_status(encode(StatusResult{1, 2, 61}).view()));
  EXPECT_FALSE(parse_device(encode(DeviceResult{std::string(63, 'a')}).view()));
  EXPECT_FALSE(parse_device(encode(DeviceResult{std::string(65, 'a')}).view()));
  const SecretBytes good = encode(StatusResult{1, 2, 3});
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(parse_status(good.view().first(n)));
}

}  // namespace
}  // namespace pavise::monitor_ipc
