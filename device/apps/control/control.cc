#include "device/apps/control/control.h"

namespace pavise::device {
namespace {

namespace wire = apps_ipc;

Result<Bytes> acted(const Result<wire::AppState>& state) {
  if (!state) return state.error();
  return wire::encode(wire::Acted{*state});
}

template <class T>
Result<Bytes> encoded(const Result<T>& result) {
  if (!result) return result.error();
  return wire::encode(*result);
}

// One overload for each operation, found by std::visit.
struct Serve {
  AppsControl& control;

  Result<Bytes> operator()(const wire::List&) const { return wire::encode(control.list()); }
  Result<Bytes> operator()(const wire::Start& request) const {
    return acted(control.start(request.name));
  }
  Result<Bytes> operator()(const wire::Stop& request) const {
    return acted(control.stop(request.name));
  }
  Result<Bytes> operator()(const wire::Restart& request) const {
    return acted(control.restart(request.name));
  }
  Result<Bytes> operator()(const wire::Logs& request) const {
    PAVISE_TRY_ASSIGN(const wire::LogPage page, control.logs(request.name, request.after));
    return wire::encode(page);
  }
  Result<Bytes> operator()(const wire::Receive& request) const {
    PAVISE_TRY_ASSIGN(const std::uint64_t bytes, control.receive(request));
    return wire::encode(wire::Received{bytes});
  }
  Result<Bytes> operator()(const wire::Install& request) const {
    PAVISE_TRY_ASSIGN(const wire::Installed installed, control.install(request));
    return wire::encode(installed);
  }
  Result<Bytes> operator()(const wire::Remove& request) const {
    PAVISE_TRY_ASSIGN(const wire::AppSource left, control.remove(request.name));
    return wire::encode(wire::Removed{left});
  }
  Result<Bytes> operator()(const wire::GiveGrant& request) const {
    return encoded(control.take_grant(request.grant));
  }
  Result<Bytes> operator()(const wire::Debug& request) const {
    return encoded(control.debug(request.name));
  }
  Result<Bytes> operator()(const wire::Exchange& request) const {
    return encoded(control.exchange(request));
  }
  Result<Bytes> operator()(const wire::TellTime& time) const {
    return wire::encode(control.hear_time(time));
  }
};

Result<Bytes> serve(const Result<Bytes>& packet, AppsControl& control) {
  if (!packet) return Error(wire::kBadRequest, std::string(packet.error().code()));
  const auto request = wire::parse_request(*packet);
  if (!request && request.error().is(wire::kUnknownOperation)) return request.error();
  if (!request) return Error(wire::kBadRequest, std::string(request.error().code()));
  return std::visit(Serve{control}, *request);
}

}  // namespace

Bytes answer(const Result<Bytes>& packet, AppsControl& control) {
  auto response = serve(packet, control);
  return response ? *std::move(response) : wire::encode_refusal(response.error());
}

apps_ipc::AppState state_on_wire(LifeState state) {
  switch (state) {
    case LifeState::stopped:
      return wire::AppState::stopped;
    case LifeState::waiting:
      return wire::AppState::waiting;
    case LifeState::starting:
      return wire::AppState::starting;
    case LifeState::running:
      return wire::AppState::running;
    case LifeState::ending:
      return wire::AppState::ending;
    case LifeState::killing:
      return wire::AppState::killing;
  }
  return wire::AppState::stopped;
}

}  // namespace pavise::device
