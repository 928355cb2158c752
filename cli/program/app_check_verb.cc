// app check: what manifests grant, and whether their apps can live together.
#include <boost/json.hpp>
#include <filesystem>

#include "cli/app/build.h"
#include "cli/app/explain.h"
#include "cli/program/app_verb.h"
#include "cli/view/text.h"
#include "protocol/manifest/conflicts.h"

namespace pavise::cli {
namespace {

namespace json = boost::json;
using manifest::Manifest;

struct CheckArguments {
  std::vector<std::string> files;
  bool apart = false;
};

struct Checked {
  std::string file;
  Result<Manifest> manifest;
  bool of_azure_sphere = false;  // if it is no manifest of ours
};

// A folder stands for the manifest in it.
std::string manifest_file(const std::string& given) {
  std::error_code ignored;
  return std::filesystem::is_directory(given, ignored)
             ? (std::filesystem::path(given) / app::kManifestFile).string()
             : given;
}

std::string next_step(const Error& error, const Checked* checked) {
  if (checked != nullptr && checked->of_azure_sphere)
    return "It looks like one of Azure Sphere; make one of it: pavise app convert " +
           checked->file + " --out FILE.";
  return std::string(error.info().next_step);
}

json::object error_json(const Error& error, const Checked* checked = nullptr) {
  return {{"code", error.code()},
          {"message", error.info().what},
          {"detail", error.detail()},
          {"next", next_step(error, checked)}};
}

json::array errors_json(const std::vector<Error>& errors) {
  json::array out;
  for (const Error& error : errors) out.push_back(error_json(error));
  return out;
}

json::array sentences_json(const std::vector<app::Sentence>& sentences) {
  json::array out;
  for (const app::Sentence& sentence : sentences)
    out.push_back({{"pointer", sentence.member}, {"words", sentence.words}});
  return out;
}

json::object manifest_json(const Checked& checked) {
  json::object out{{"file", checked.file}, {"valid", checked.manifest.has_value()}};
  if (!checked.manifest) {
    json::object error = error_json(checked.manifest.error(), &checked);
    error["pointer"] = manifest::pointer_of(checked.manifest.error());
    out["error"] = std::move(error);
    return out;
  }
  const Manifest& m = *checked.manifest;
  out["name"] = m.name;
  out["component_id"] = m.component_id.text();
  out["version"] = m.version.text();
  out["security_epoch"] = m.security_epoch;
  out["digest"] = to_hex(m.digest);
  out["grants"] = sentences_json(app::explain_capabilities(m));
  out["limits"] = sentences_json(app::explain_limits(m));
  return out;
}

std::string error_text(const std::string& of, const Error& error,
                       const Checked* checked = nullptr) {
  return safe_text(of + ": " + std::string(error.code()) + ": " + std::string(error.info().what) +
                   (error.detail().empty() ? "" : " (" + error.detail() + ")")) +
         "\nnext:  " + safe_text(next_step(error, checked)) + "\n";
}

std::string manifest_text(const Manifest& m, bool colour) {
  std::string out = m.name + " " + m.version.text() + ", component " + m.component_id.text() + "\n";
  const auto grants = app::explain_capabilities(m);
  out += grants.empty() ? "It may do nothing outside of its own memory.\n" : "It may:\n";
  for (const app::Sentence& sentence : grants) out += "  " + safe_text(sentence.words) + "\n";
  if (!grants.empty()) out += "Everything else is denied.\n";
  out += "It is held to, and is:\n";
  for (const app::Sentence& sentence : app::explain_limits(m))
    out += "  " + coloured(Cell(sentence.words, Mood::faint), colour) + "\n";
  return out;
}

// What the apps are to each other. Such a device runs them all the same, if only their connection
// is in question.
struct Together {
  std::vector<Error> conflicts, advice;
};

Together compare(const std::vector<Manifest>& apps) {
  Together out;
  for (const Error& error : manifest::conflicts(apps))
    (error.is(manifest::kOneSided) ? out.advice : out.conflicts).push_back(error);
  return out;
}

std::string text_of(const std::vector<Checked>& all, bool colour) {
  std::string out;
  for (const Checked& checked : all)
    if (checked.manifest)
      out += manifest_text(*checked.manifest, colour) + (all.size() > 1 ? "\n" : "");
  return out;
}

Exit check(Session& session, const CheckArguments& a) {
  std::vector<Checked> all;
  std::vector<Manifest> good;
  for (const std::string& given : a.files) {
    const std::string file = manifest_file(given);
    // One byte more than a manifest may have, so that its own limit speaks.
    const auto text = read_text_file(file, manifest::kManifestBytesMax + 1);
    if (!text) return session.fail(text.error());
    all.push_back({file, Manifest::parse(as_bytes(*text)), text->contains("\"SchemaVersion\"")});
    if (all.back().manifest) good.push_back(*all.back().manifest);
  }
  const Together together = a.apart ? Together{} : compare(good);
  const bool fine = good.size() == all.size() && together.conflicts.empty();
  if (session.json()) {
    json::array manifests;
    for (const Checked& checked : all) manifests.push_back(manifest_json(checked));
    session.print(json::serialize(json::object{{"valid", fine},
                                               {"manifests", std::move(manifests)},
                                               {"conflicts", errors_json(together.conflicts)},
                                               {"advice", errors_json(together.advice)}}) +
                  "\n");
    return fine ? Exit::ok : Exit::not_acceptable;
  }
  session.print(text_of(all, session.colour()));
  for (const Checked& checked : all)
    if (!checked.manifest)
      session.note(error_text(checked.file, checked.manifest.error(), &checked));
  for (const Error& error : together.conflicts) session.note(error_text("together", error));
  for (const Error& error : together.advice)
    session.note(error_text("they run, but cannot connect", error));
  return fine ? Exit::ok : Exit::not_acceptable;
}

}  // namespace

void add_app_check_verb(CLI::App& app, Action& run) {
  auto arguments = std::make_shared<CheckArguments>();
  CLI::App* verb =
      add_verb(app, "check", "say what manifests grant, and whether their apps can live together",
               "  pavise app check app_manifest.json\n"
               "  pavise app check monitor guardian\n"
               "  pavise app check app_manifest.json -o json");
  verb->add_option("MANIFEST", arguments->files,
                   "app_manifest.json, or its folder; - for standard input")
      ->required();
  verb->add_flag("--apart", arguments->apart, "do not ask whether they can live together");
  on_verb(verb, run, arguments, &check);
}

}  // namespace pavise::cli
