#include "protocol/apps_ipc/apps_ipc.h"
#include "protocol/cbor/cbor.h"

namespace pavise::apps_ipc {
namespace {

template <class... T>
struct Overloaded : T... {
  using T::operator()...;
};

std::string read_name(cbor::Reader& in) {
  const std::string_view name = in.text(1, manifest::kNameLengthMax);
  in.require(manifest::is_app_name(name));
  return std::string(name);
}

template <class Named>
Named read_named(cbor::Reader& in) {
  cbor::MapReader map(in, 1);
  map.required(1);
  Named out{read_name(in)};
  map.finish();
  return out;
}

Logs read_logs(cbor::Reader& in) {
  Logs out;
  cbor::MapReader map(in, 2);
  map.required(1);
  out.name = read_name(in);
  map.required(2);
  out.after = in.uint();
  map.finish();
  return out;
}

Receive read_receive(cbor::Reader& in) {
  Receive out;
  cbor::MapReader map(in, 3);
  map.required(1);
  out.size = in.uint();
  map.required(2);
  out.offset = in.uint();
  map.required(3);
  out.data = to_bytes(in.bytes(1, kPartBytesMax));
  map.finish();
  return out;
}

Install read_install(cbor::Reader& in) {
  Install out;
  cbor::MapReader map(in, 2);
  map.required(1);
  out.size = in.uint();
  map.required(2);
  out.sha256 = in.fixed<sizeof(Digest256)>();
  map.finish();
  return out;
}

GiveGrant read_grant(cbor::Reader& in) {
  GiveGrant out;
  cbor::MapReader map(in, 1);
  map.required(1);
  out.grant = to_bytes(in.bytes(1, kGrantBytesMax));
  map.finish();
  return out;
}

Exchange read_exchange(cbor::Reader& in) {
  Exchange out;
  cbor::MapReader map(in, 6);
  map.required(1);
  out.name = read_name(in);
  map.required(2);
  out.session = in.uint();
  map.required(3);
  out.at = in.uint(INT64_MAX);
  map.required(4);
  out.data = to_bytes(in.bytes(0, kDebugInBytesMax));
  map.required(5);
  out.received = in.uint(INT64_MAX);
  map.required(6);
  out.end = in.boolean();
  map.finish();
  return out;
}

TellTime read_time(cbor::Reader& in) {
  TellTime out;
  cbor::MapReader map(in, 2);
  map.required(1);
  out.later_than_s = in.uint(kTimeMaxS);
  map.required(2);
  out.vouched = in.boolean();
  map.finish();
  return out;
}

}  // namespace

Op operation(const Request& request) {
  return std::visit(
      Overloaded{
          [](const List&) { return Op::kList; }, [](const Start&) { return Op::kStart; },
          [](const Stop&) { return Op::kStop; }, [](const Restart&) { return Op::kRestart; },
          [](const Logs&) { return Op::kLogs; }, [](const Receive&) { return Op::kReceive; },
          [](const Install&) { return Op::kInstall; }, [](const Remove&) { return Op::kRemove; },
          [](const GiveGrant&) { return Op::kGrant; }, [](const Debug&) { return Op::kDebug; },
          [](const Exchange&) { return Op::kExchange; },
          [](const TellTime&) { return Op::kTellTime; }},
      request);
}

Bytes encode(const Request& request) {
  cbor::Writer out;
  const auto begin = [&](std::size_t arguments) -> cbor::Writer& {
    out.map(arguments == 0 ? 1 : 2).uint(1).uint(static_cast<std::uint64_t>(operation(request)));
    return arguments == 0 ? out : out.uint(2).map(arguments);
  };
  std::visit(Overloaded{[&](const List&) { begin(0); },
                        [&](const Logs& logs) {
                          begin(2).uint(1).text(logs.name).uint(2).uint(logs.after);
                        },
                        [&](const Receive& part) {
                          begin(3).uint(1).uint(part.size).uint(2).uint(part.offset);
                          out.uint(3).bytes(part.data);
                        },
                        [&](const Install& install) {
                          begin(2).uint(1).uint(install.size).uint(2).bytes(install.sha256);
                        },
                        [&](const GiveGrant& give) { begin(1).uint(1).bytes(give.grant); },
                        [&](const Exchange& exchange) {
                          begin(6).uint(1).text(exchange.name).uint(2).uint(exchange.session);
                          out.uint(3).uint(exchange.at).uint(4).bytes(exchange.data);
                          out.uint(5).uint(exchange.received).uint(6).boolean(exchange.end);
                        },
                        [&](const TellTime& time) {
                          begin(2).uint(1).uint(time.later_than_s).uint(2).boolean(time.vouched);
                        },
                        [&](const auto& named) { begin(1).uint(1).text(named.name); }},
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
  if (op >= Op::kStart && op <= Op::kTellTime) map.required(2);
  switch (op) {
    case Op::kList:
      out = List{};
      break;
    case Op::kStart:
      out = read_named<Start>(in);
      break;
    case Op::kStop:
      out = read_named<Stop>(in);
      break;
    case Op::kRestart:
      out = read_named<Restart>(in);
      break;
    case Op::kLogs:
      out = read_logs(in);
      break;
    case Op::kReceive:
      out = read_receive(in);
      break;
    case Op::kInstall:
      out = read_install(in);
      break;
    case Op::kRemove:
      out = read_named<Remove>(in);
      break;
    case Op::kGrant:
      out = read_grant(in);
      break;
    case Op::kDebug:
      out = read_named<Debug>(in);
      break;
    case Op::kExchange:
      out = read_exchange(in);
      break;
    case Op::kTellTime:
      out = read_time(in);
      break;
    default:
      in.fail(kUnknownOperation);
      break;
  }
  map.finish();
  PAVISE_TRY(in.finish());
  return out;
}

}  // namespace pavise::apps_ipc
