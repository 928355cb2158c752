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

}  // namespace

Op operation(const Request& request) {
  return std::visit(
      Overloaded{[](const List&) { return Op::kList; }, [](const Start&) { return Op::kStart; },
                 [](const Stop&) { return Op::kStop; }, [](const Restart&) { return Op::kRestart; },
                 [](const Logs&) { return Op::kLogs; }},
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
          constexpr bool kIsLogs = std::is_same_v<T, Logs>;
          out.map(2).uint(1).uint(op).uint(2).map(kIsLogs ? 2 : 1).uint(1).text(typed.name);
          if constexpr (kIsLogs) out.uint(2).uint(typed.after);
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
  if (op == Op::kStart || op == Op::kStop || op == Op::kRestart || op == Op::kLogs) map.required(2);
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
    default:
      in.fail(kUnknownOperation);
      break;
  }
  map.finish();
  PAVISE_TRY(in.finish());
  return out;
}

}  // namespace pavise::apps_ipc
