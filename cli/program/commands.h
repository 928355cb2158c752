// The verbs. Each function adds one noun with its verbs to the program; a verb that was given sets
// `run`, which then does the work.
#pragma once

#include <functional>
#include <string>

#include "cli/program/session.h"

namespace CLI {
class App;
}

namespace pavise::cli {

using Action = std::function<Exit(Session&)>;

void add_tenant_verbs(CLI::App& program, Action& run);
void add_device_verbs(CLI::App& program, Action& run);
void add_device_name_verb(CLI::App& device, Action& run);
void add_telemetry_verbs(CLI::App& program, Action& run);
void add_twin_verbs(CLI::App& program, Action& run);
void add_release_verbs(CLI::App& program, Action& run);
void add_vendor_verbs(CLI::App& program, Action& run);
void add_release_key_verbs(CLI::App& program, Action& run);
void add_token_verbs(CLI::App& program, Action& run);
// hub: hubs themselves, devices, modules, twins, methods and messages in them.
void add_hub_verbs(CLI::App& program, Action& run);
// app: manifests and packages, on this machine; apps of a device.
void add_app_verbs(CLI::App& program, Action& run);
void add_service_verbs(CLI::App& program, Action& run);  // status, doctor, audit
void add_context_verbs(CLI::App& program, Action& run);
void add_completion_verb(CLI::App& program, Action& run);

// The parts of `doctor`, which the program and its tests share.
Exit run_doctor(Session& session);

}  // namespace pavise::cli
