#include "protocol/manifest/conflicts.h"

#include <algorithm>

namespace pavise::manifest {
namespace {

template <class T>
bool has(const std::vector<T>& list, const T& value) {
  return std::ranges::find(list, value) != list.end();
}

std::string both(const Manifest& a, const Manifest& b, std::string_view what) {
  return a.name + " and " + b.name + ": " + std::string(what);
}

// What stands in both lists, as text.
template <class T, class Text>
void find_shared(const std::vector<T>& a, const std::vector<T>& b, Text found) {
  for (const T& value : a)
    if (has(b, value)) found(value);
}

void compare(const Manifest& a, const Manifest& b, std::vector<Error>& out) {
  if (a.component_id == b.component_id)
    out.emplace_back(kSameApp, both(a, b, "component id " + a.component_id.text()));
  if (a.name == b.name)
    out.emplace_back(
        kSameApp,
        both(a, b, "component ids " + a.component_id.text() + ", " + b.component_id.text()));
  const auto port = [&](std::string_view protocol) {
    return [&a, &b, &out, protocol](std::uint16_t number) {
      out.emplace_back(kSamePort, both(a, b, std::string(protocol) + std::to_string(number)));
    };
  };
  find_shared(a.capabilities.listening_tcp, b.capabilities.listening_tcp, port("tcp "));
  find_shared(a.capabilities.listening_udp, b.capabilities.listening_udp, port("udp "));
  for (std::size_t kind = 0; kind < kHardwareKinds; ++kind)
    find_shared(a.capabilities.hardware[kind], b.capabilities.hardware[kind],
                [&](const std::string& name) {
                  out.emplace_back(
                      kSameHardware,
                      both(a, b, std::string(to_string(static_cast<Hardware>(kind))) + " " + name));
                });
  const bool a_wants = has(a.capabilities.app_connections, b.component_id);
  const bool b_wants = has(b.capabilities.app_connections, a.component_id);
  if (a_wants != b_wants)
    out.emplace_back(kOneSided, both(a, b, "only " + (a_wants ? a.name : b.name) + " lists it"));
}

// Removes apps that wait for none of the others left; what remains waits in a circle, or for one.
std::vector<const Manifest*> waiting_for_ever(std::span<const Manifest> apps) {
  std::vector<const Manifest*> left;
  for (const Manifest& app : apps) left.push_back(&app);
  const auto waits = [&left](const Manifest* app) {
    return std::ranges::any_of(app->lifecycle.start_after, [&left](const ComponentId& id) {
      return std::ranges::find(left, id, [](const Manifest* m) { return m->component_id; }) !=
             left.end();
    });
  };
  for (auto ready = std::ranges::find_if_not(left, waits); ready != left.end();
       ready = std::ranges::find_if_not(left, waits))
    left.erase(ready);
  return left;
}

}  // namespace

std::vector<Error> conflicts(std::span<const Manifest> apps) {
  std::vector<Error> out;
  for (std::size_t a = 0; a < apps.size(); ++a)
    for (std::size_t b = a + 1; b < apps.size(); ++b) compare(apps[a], apps[b], out);
  std::string names;
  for (const Manifest* app : waiting_for_ever(apps))
    names += (names.empty() ? "" : " and ") + app->name;
  if (!names.empty()) out.emplace_back(kStartCycle, names);
  return out;
}

}  // namespace pavise::manifest
