// The verbs of `pavise app`. Internal to this folder.
#pragma once

#include "cli/program/verb.h"

namespace pavise::cli {

void add_app_check_verb(CLI::App& app, Action& run);
void add_app_convert_verb(CLI::App& app, Action& run);
void add_app_build_verb(CLI::App& app, Action& run);
void add_app_new_verb(CLI::App& app, Action& run);
void add_app_show_verb(CLI::App& app, Action& run);
void add_app_key_verbs(CLI::App& app, Action& run);
void add_app_grant_verbs(CLI::App& app, Action& run);
// deploy, remove
void add_app_deploy_verbs(CLI::App& app, Action& run);
void add_app_run_verb(CLI::App& app, Action& run);
void add_app_debug_verb(CLI::App& app, Action& run);
// list, logs, start, stop, restart, stats
void add_app_device_verbs(CLI::App& app, Action& run);

}  // namespace pavise::cli
