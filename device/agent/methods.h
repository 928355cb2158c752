// The methods that a service may call on a device (api/methods.cddl). No I/O of its own.
#pragma once

#include <string>
#include <string_view>

#include "device/agent/ports.h"

namespace pavise::agent {

// No method of ours needs more, but for one that carries a part of a package.
inline constexpr std::size_t kMethodRequestBytesMax = 4096;
inline constexpr std::size_t kPartRequestBytesMax = 96UL * 1024;

struct MethodAnswer {
  int status = 0;    // as in HTTP
  std::string body;  // JSON of at most 128 KiB
};

// Blocks as `apps` does. 200 with the result; 400 kBadMethodPayload; 404 kUnknownMethod, kNoApps or
// an app that the launcher does not know; 409 for what else the launcher refuses; 502
// kLauncherAnswer, 503 kLauncherGone, 504 kLauncherSilent.
MethodAnswer answer_method(std::string_view name, std::string_view payload, AppsPort& apps);

// The body says what failed and what to do next.
MethodAnswer method_refused(int status, const Error& error);

// 429: nothing was done.
MethodAnswer method_refused_as_busy();

}  // namespace pavise::agent
