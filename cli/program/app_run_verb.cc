// app run: build, deploy, follow; with --watch again and again
#include <boost/json.hpp>
#include <cstdio>

#include "cli/app/build.h"
#include "cli/app/source_watch.h"
#include "cli/program/app_deploy.h"
#include "cli/program/app_logs.h"
#include "cli/program/app_signing.h"
#include "cli/program/app_verb.h"
#include "cli/view/text.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

constexpr int kStartLooksMax = 300;
constexpr Milliseconds kStartLook{100};
constexpr Milliseconds kLogLook{500};

struct RunArguments {
  std::string folder = ".";
  std::string device, key, tenant, sdk;
  bool watch = false, once = false;
  int count = 0;
};

std::string seconds(Milliseconds time) {
  char out[32];
  (void)std::snprintf(out, sizeof out, "%.2f", static_cast<double>(time.count()) / 1000);
  return out;
}

// One app on one device, from its folder.
class AppRun {
 public:
  AppRun(Session& session, const RunArguments& arguments, AppDevice device, AppSigning signing)
      : session_(session),
        arguments_(arguments),
        device_(std::move(device)),
        signing_(std::move(signing)) {}

  // Builds, deploys and waits until it runs; false after printing why not. `begin`: of what the
  // person did, and `from` how to call that.
  bool bring(Clock::time_point begin, std::string_view from);
  bool has_run() const { return running_.has_value(); }
  // Prints what it wrote since it was brought. `enough`: as many lines as were wanted.
  AppLog::Read read_log() {
    return log_ ? log_->read(session_, device_, kDeployConnectS) : AppLog::Read::all;
  }

 private:
  std::optional<app::Built> build();
  void open_log(const std::string& name);
  bool wait_until_it_runs(const app::PackageFile& file, const std::string& state);
  void show(const app::PackageFile& file, std::string_view from, Milliseconds whole,
            Milliseconds built, Milliseconds program, const DeployTimes& deployed,
            Milliseconds started);

  Session& session_;
  const RunArguments& arguments_;
  AppDevice device_;
  AppSigning signing_;
  std::optional<AppLog> log_;
  std::optional<Digest256> running_;  // signed part of the package that runs
};

std::optional<app::Built> AppRun::build() {
  const Work work(session_, "building " + arguments_.folder);
  auto built = app::build_package(
      {.folder = arguments_.folder,
       .key = signing_.key,
       .tenant = signing_.tenant,
       .binary = {},
       .sbom = {},
       .out = {},
       .sdk = arguments_.sdk.empty() ? std::nullopt
                                     : std::optional<std::filesystem::path>(arguments_.sdk)});
  if (built) return *std::move(built);
  session_.fail(built.error());
  return std::nullopt;
}

// From the line on that the version before wrote last.
void AppRun::open_log(const std::string& name) {
  if (log_) return;
  const AppAnswer answer =
      call_app_device(session_, device_,
                      {.method = "logs",
                       .payload = json::object{{"name", name}, {"after", std::uint64_t{INT64_MAX}}},
                       .connect_s = kDeployConnectS,
                       .reads_only = true});
  log_.emplace(name, answer.good() ? number_of(answer.payload, "newest") : 0, arguments_.count);
}

bool AppRun::wait_until_it_runs(const app::PackageFile& file, const std::string& state) {
  if (state == "running") return true;
  const std::string& name = file.package.manifest().name;
  const Work work(session_, "waiting until " + name + " runs");
  for (int look = 0; look < kStartLooksMax; ++look) {
    const auto list = ask(
        session_, device_,
        {.method = "list", .payload = nullptr, .connect_s = kDeployConnectS, .reads_only = true});
    if (!list) return false;
    const json::value* found = app_named(*list, name);
    if (found == nullptr) {
      session_.fail(Error(kNoSuchApp, name));
      return false;
    }
    const std::string now = text_of(*found, "state");
    if (now == "running") return true;
    if (now == "waiting" || now == "stopped") {
      (void)read_log();
      session_.fail(Error(kAppEnded, text_of(*found, "last_event")));
      return false;
    }
    session_.pause(kStartLook);
  }
  session_.fail(Error(kAppEnded, "it does not say that it is well"));
  return false;
}

void AppRun::show(const app::PackageFile& file, std::string_view from, Milliseconds whole,
                  Milliseconds built, Milliseconds program, const DeployTimes& deployed,
                  Milliseconds started) {
  const std::string& name = file.package.manifest().name;
  const std::string version = file.package.header().version.text();
  const Milliseconds packed = built - program;
  if (session_.json()) {
    session_.print(json::serialize(json::object{{"name", name},
                                                {"version", version},
                                                {"state", "running"},
                                                {"milliseconds",
                                                 {{"whole", whole.count()},
                                                  {"program", program.count()},
                                                  {"package", packed.count()},
                                                  {"upload", deployed.upload.count()},
                                                  {"install", deployed.install.count()},
                                                  {"start", started.count()}}}}) +
                   "\n");
    return;
  }
  session_.note(name + " " + version + " runs, " + seconds(whole) + " s after " +
                std::string(from) + " (program " + seconds(program) + ", package " +
                seconds(packed) + ", upload " + seconds(deployed.upload) + ", install " +
                seconds(deployed.install) + ", start " + seconds(started) + ")\n");
}

bool AppRun::bring(Clock::time_point begin, std::string_view from) {
  const auto built_from = Clock::now();
  const auto built = build();
  if (!built) return false;
  const Digest256 digest = crypto::sha256(built->header.signed_bytes());
  if (running_ == digest) {
    session_.note("nothing of the package has changed\n");
    return true;
  }
  const auto file = read_deployable(session_, device_, built->package.string());
  const Milliseconds build_time = between(built_from, Clock::now());
  if (!file) return false;
  open_log(built->manifest.name);
  DeployTimes times;
  running_.reset();
  const auto answer = deploy(session_, device_, *file, &times);
  if (!answer) return false;
  const auto installed = Clock::now();
  if (!wait_until_it_runs(*file, text_of(*answer, "state"))) return false;
  running_ = digest;
  const auto now = Clock::now();
  show(*file, from, between(begin, now), build_time, built->program_time, times,
       between(installed, now));
  return true;
}

Exit follow(Session& session, AppRun& app) {
  while (true) {
    const AppLog::Read read = app.read_log();
    if (read == AppLog::Read::failed) return session.exit();
    if (read == AppLog::Read::enough) return Exit::ok;
    if (read == AppLog::Read::all) session.pause(kLogLook);
  }
}

// What cannot be built or deployed is shown, and the next edit is waited for. A device or a server
// that goes away is said once, and so is that it is back.
class EditFollower {
 public:
  EditFollower(Session& session, AppRun& app, app::SourceWatch& watch)
      : session_(session), app_(app), watch_(watch) {
    session.print_failures_once();
  }

  Exit run(const std::string& folder, bool runs) {
    session_.note("watching " + folder + "; Ctrl-C ends it, the app goes on\n");
    say_what_runs(runs);
    while (true) {
      const auto edited = watch_.wait(kLogLook);
      if (!edited) return session_.fail(edited.error());
      const std::optional<app::SourceWatch::Time>& seen = *edited;
      if (seen) bring(*seen);
      for (AppLog::Read read = AppLog::Read::more; read == AppLog::Read::more;) {
        read = app_.read_log();
        heard(read != AppLog::Read::failed);
        if (read == AppLog::Read::enough) return Exit::ok;
      }
    }
  }

 private:
  void bring(app::SourceWatch::Time seen) {
    session_.forget_failure();  // of another edit
    is_away_ = false;
    say_what_runs(app_.bring(seen, "the edit"));
  }
  void say_what_runs(bool runs) {
    if (runs) return;
    session_.note(app_.has_run() ? "the version before stays; the next edit is tried\n"
                                 : "the next edit is tried\n");
  }
  void heard(bool answered) {
    if (!answered && !is_away_) session_.note("its log is shown again when that is over\n");
    if (answered && is_away_) session_.note("it answers again\n");
    if (answered) session_.forget_failure();
    is_away_ = !answered;
  }

  Session& session_;
  AppRun& app_;
  app::SourceWatch& watch_;
  bool is_away_ = false;  // it was said that it does not answer
};

Exit run_app(Session& session, const RunArguments& a) {
  auto device = find_app_device(session, a.device);
  if (!device) return session.exit();
  auto signing = find_app_signing(session, a.key, a.tenant);
  if (!signing) return session.exit();
  std::optional<app::SourceWatch> watch;
  if (a.watch) {
    auto opened = app::SourceWatch::open(a.folder);
    if (!opened) return session.fail(opened.error());
    watch.emplace(*std::move(opened));
  }
  AppRun app(session, a, *std::move(device), *std::move(signing));
  const bool runs = app.bring(Clock::now(), "the command");
  if (!runs && !watch) return session.exit();
  if (a.once) return runs ? Exit::ok : session.exit();
  return watch ? EditFollower(session, app, *watch).run(a.folder, runs) : follow(session, app);
}

}  // namespace

void add_app_run_verb(CLI::App& app, Action& run) {
  auto a = std::make_shared<RunArguments>();
  CLI::App* verb =
      add_verb(app, "run", "build an app, bring it to a device and follow what it writes",
               "  pavise app run blink --on sim0\n"
               "  pavise app run --on sim0 --watch\n"
               "  pavise app run blink --on sim0 --once -o json\n"
               "\n"
               "With --watch each change of the sources is built and deployed; what does not build "
               "is shown,\n"
               "and the version that runs goes on. Ctrl-C ends following, never the app. Building "
               "runs what the\n"
               "folder's author wrote (CMakeLists.txt).");
  verb->add_option("FOLDER", a->folder, "the app's folder; the current one if absent");
  verb->add_option("--on", a->device, kDeviceHelp)->required();
  CLI::Option* watch = verb->add_flag("--watch", a->watch, "again whenever a source changes");
  CLI::Option* once = verb->add_flag("--once", a->once, "end when it runs, without its log");
  once->excludes(watch);
  verb->add_option("--count", a->count, "end after so many lines of the log")
      ->check(CLI::Range(1, 1'000'000))
      ->excludes(once);
  add_app_signing_options(verb, a->key, a->tenant);
  verb->add_option("--sdk", a->sdk, "the SDK's folder; PAVISE_SDK, or the one of this program");
  on_verb(verb, run, a, &run_app);
}

}  // namespace pavise::cli
