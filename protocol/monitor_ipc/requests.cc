#include "protocol/cbor/cbor.h"
#include "protocol/monitor_ipc/monitor_ipc.h"

namespace pavise::monitor_ipc {
namespace {

template <class... T>
struct Overloaded : T... {
  using T::operator()...;
};

void put(cbor::Writer& out, const Activate& request) {
  out.map(2).uint(1).bytes(request.id_object).uint(2).bytes(request.encrypted_secret);
}
void put(cbor::Writer& out, const Attest& request) {
  out.map(4).uint(1).bytes(request.nonce).uint(2).bytes(request.exporter);
  out.uint(3).bytes(request.csr_digest).uint(4).array(request.pcrs.size());
  for (const std::uint8_t pcr : request.pcrs) out.uint(pcr);
}
void put(cbor::Writer& out, const SignTls& request) {
  out.map(1).uint(1).bytes(request.digest);
}
void put(cbor::Writer& out, const OpenData& request) {
  out.map(2).uint(1).bytes(request.blob).uint(2).uint(request.epoch);
}
void put(cbor::Writer& out, const MeasureApps& request) {
  out.map(1).uint(1).array(request.texts.size());
  for (const std::string& text : request.texts) out.text(text);
}

Activate read_activate(cbor::Reader& in) {
  Activate out;
  cbor::MapReader map(in, 2);
  map.required(1);
  out.id_object = to_bytes(in.bytes(1, kCredentialBytesMax));
  map.required(2);
  out.encrypted_secret = to_bytes(in.bytes(1, kCredentialBytesMax));
  map.finish();
  return out;
}

Attest read_attest(cbor::Reader& in) {
  Attest out{};
  cbor::MapReader map(in, 4);
  map.required(1);
  out.nonce = in.fixed<32>();
  map.required(2);
  out.exporter = in.fixed<32>();
  map.required(3);
  out.csr_digest = in.fixed<32>();
  map.required(4);
  const std::size_t count = in.array(1, kPcrsMax);
  for (std::size_t i = 0; i < count; ++i) {
    const auto pcr = static_cast<std::uint8_t>(in.uint(kPcrsMax - 1));
    in.require(out.pcrs.empty() || pcr > out.pcrs.back());
    out.pcrs.push_back(pcr);
  }
  map.finish();
  return out;
}

SignTls read_sign_tls(cbor::Reader& in) {
  SignTls out{};
  cbor::MapReader map(in, 1);
  map.required(1);
  out.digest = in.fixed<32>();
  map.finish();
  return out;
}

OpenData read_open_data(cbor::Reader& in) {
  OpenData out{};
  cbor::MapReader map(in, 2);
  map.required(1);
  out.blob = to_bytes(in.bytes(0, kBlobBytesMax));
  map.required(2);
  out.epoch = in.uint();
  map.finish();
  return out;
}

MeasureApps read_measure_apps(cbor::Reader& in) {
  MeasureApps out;
  cbor::MapReader map(in, 1);
  map.required(1);
  const std::size_t count = in.array(0, app_measurement::kAppEventsMax);
  for (std::size_t i = 0; i < count; ++i)
    out.texts.emplace_back(in.text(1, app_measurement::kAppEventBytesMax));
  map.finish();
  return out;
}

bool has_arguments(Op op) {
  return op == Op::kActivate || op == Op::kAttest || op == Op::kSignTls || op == Op::kOpenData ||
         op == Op::kMeasureApps;
}

}  // namespace

Op operation(const Request& request) {
  return std::visit(Overloaded{[](const Identity&) { return Op::kIdentity; },
                               [](const Activate&) { return Op::kActivate; },
                               [](const Attest&) { return Op::kAttest; },
                               [](const SignTls&) { return Op::kSignTls; },
                               [](const Status&) { return Op::kStatus; },
                               [](const OpenData&) { return Op::kOpenData; },
                               [](const MeasureApps&) { return Op::kMeasureApps; },
                               [](const Device&) { return Op::kDevice; }},
                    request);
}

Bytes encode(const Request& request) {
  cbor::Writer out;
  const auto op = static_cast<std::uint64_t>(operation(request));
  std::visit(
      [&]<class T>(const T& typed) {
        if constexpr (std::is_empty_v<T>) {
          out.map(1).uint(1).uint(op);
        } else {
          out.map(2).uint(1).uint(op).uint(2);
          put(out, typed);
        }
      },
      request);
  return out.take();
}

Result<Request> parse_request(ByteView message) {
  if (message.size() > kMessageBytesMax) return cbor::kOutOfRange;
  cbor::Reader in(message);
  cbor::MapReader map(in, 2);
  map.required(1);
  const auto op = static_cast<Op>(in.uint(UINT8_MAX));
  Request out;
  if (has_arguments(op)) map.required(2);
  switch (op) {
    case Op::kIdentity:
      out = Identity{};
      break;
    case Op::kActivate:
      out = read_activate(in);
      break;
    case Op::kAttest:
      out = read_attest(in);
      break;
    case Op::kSignTls:
      out = read_sign_tls(in);
      break;
    case Op::kStatus:
      out = Status{};
      break;
    case Op::kOpenData:
      out = read_open_data(in);
      break;
    case Op::kMeasureApps:
      out = read_measure_apps(in);
      break;
    case Op::kDevice:
      out = Device{};
      break;
    default:
      in.fail(kUnknownOperation);
      break;
  }
  map.finish();
  PAVISE_TRY(in.finish());
  return out;
}

}  // namespace pavise::monitor_ipc
