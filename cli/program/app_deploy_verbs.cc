// app deploy, remove
#include <boost/json.hpp>

#include "cli/program/app_deploy.h"
#include "cli/program/app_verb.h"
#include "cli/view/app_views.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

constexpr int kRemoveAnswerS = 30;

struct DeployArguments {
  std::string device, package;
};

struct RemoveArguments {
  std::string device, app;
};

Exit deploy_package(Session& session, const DeployArguments& a) {
  const auto device = find_app_device(session, a.device);
  const auto file = device ? read_deployable(session, *device, a.package) : std::nullopt;
  const auto answer = file ? deploy(session, *device, *file) : std::nullopt;
  return answer ? show_app_answer(session, &view::app_deployed, *answer) : session.exit();
}

Exit remove(Session& session, const RemoveArguments& a) {
  if (!can_be_app(session, a.app)) return session.exit();
  const auto device = find_app_device(session, a.device);
  const auto answer = device ? ask(session, *device,
                                   {.method = "remove",
                                    .payload = json::object{{"name", a.app}},
                                    .answer_s = kRemoveAnswerS,
                                    .connect_s = kDeployConnectS})
                             : std::nullopt;
  return answer ? show_app_answer(session, &view::app_removed, *answer) : session.exit();
}

}  // namespace

void add_app_deploy_verbs(CLI::App& app, Action& run) {
  auto deployed = std::make_shared<DeployArguments>();
  CLI::App* verb =
      add_verb(app, "deploy", "bring an app to a device that runs, or a new version of it",
               "  pavise app deploy sim0 blink/blink.pvimage\n"
               "  pavise app deploy 3fa81c0b blink.pvimage -o json\n"
               "\n"
               "The device checks signature, content and owner, replaces the version that runs and "
               "keeps its\n"
               "storage. What it refuses changes nothing.");
  verb->add_option("DEVICE", deployed->device, kDeviceHelp)->required();
  verb->add_option("PACKAGE", deployed->package, "a package (pavise app build)")->required();
  on_verb(verb, run, deployed, &deploy_package);

  auto removed = std::make_shared<RemoveArguments>();
  verb = add_verb(app, "remove", "end an app of a device and erase it with its storage",
                  "  pavise app remove sim0 blink\n"
                  "\n"
                  "If the device's image has a version of it, that one is back.");
  verb->add_option("DEVICE", removed->device, kDeviceHelp)->required();
  verb->add_option("APP", removed->app, "its name, as app list shows it")->required();
  on_verb(verb, run, removed, &remove);
}

}  // namespace pavise::cli
