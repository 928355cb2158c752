// app
#include "cli/program/app_verb.h"

namespace pavise::cli {

void add_app_verbs(CLI::App& program, Action& run) {
  CLI::App* app = add_noun(
      program, "app", "apps: their sources, manifests and packages, and what they do on a device");
  add_app_new_verb(*app, run);
  add_app_check_verb(*app, run);
  add_app_convert_verb(*app, run);
  add_app_build_verb(*app, run);
  add_app_show_verb(*app, run);
  add_app_key_verbs(*app, run);
  add_app_grant_verbs(*app, run);
  add_app_deploy_verbs(*app, run);
  add_app_run_verb(*app, run);
  add_app_debug_verb(*app, run);
  add_app_device_verbs(*app, run);
}

}  // namespace pavise::cli
