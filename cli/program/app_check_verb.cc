// app check: what manifests grant, and whether their apps can live together.
#include <boost/json.hpp>

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
};

json::object error_json(const Error& error) {
  return {{"code", error.code()},
          {"message", error.info().what},
          {"detail", error.detail()},
          {"next", error.info().next_step}};
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
    json::object error = error_json(checked.manifest.error());
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

std::string error_text(const std::string& file, const Error& error) {
  return safe_text(file + ": " + std::string(error.code()) + ": " + std::string(error.info().what) +
                   (error.detail().empty() ? "" : " (" + error.detail() + ")")) +
         "\nnext:  " + safe_text(error.info().next_step) + "\n";
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

Exit check(Session& session, const CheckArguments& a) {
  std::vector<Checked> all;
  std::vector<Manifest> good;
  for (const std::string& file : a.files) {
    // One byte more than a manifest may have, so that its own limit speaks.
    const auto text = read_text_file(file, manifest::kManifestBytesMax + 1);
    if (!text) return session.fail(text.error());
    all.push_back({file, Manifest::parse(as_bytes(*text))});
    if (all.back().manifest) good.push_back(*all.back().manifest);
  }
  const std::vector<Error> conflicts = a.apart ? std::vector<Error>{} : manifest::conflicts(good);
  const bool fine = good.size() == all.size() && conflicts.empty();
  if (session.json()) {
    json::array manifests;
    for (const Checked& checked : all) manifests.push_back(manifest_json(checked));
    json::array problems;
    for (const Error& error : conflicts) problems.push_back(error_json(error));
    session.print(json::serialize(json::object{{"valid", fine},
                                               {"manifests", std::move(manifests)},
                                               {"conflicts", std::move(problems)}}) +
                  "\n");
    return fine ? Exit::ok : Exit::not_acceptable;
  }
  for (const Checked& checked : all)
    if (checked.manifest)
      session.print(manifest_text(*checked.manifest, session.colour()) +
                    (all.size() > 1 ? "\n" : ""));
  for (const Checked& checked : all)
    if (!checked.manifest) session.note(error_text(checked.file, checked.manifest.error()));
  for (const Error& error : conflicts) session.note(error_text("together", error));
  return fine ? Exit::ok : Exit::not_acceptable;
}

}  // namespace

void add_app_check_verb(CLI::App& app, Action& run) {
  auto arguments = std::make_shared<CheckArguments>();
  CLI::App* verb =
      add_verb(app, "check", "say what manifests grant, and whether their apps can live together",
               "  pavise app check app_manifest.json\n"
               "  pavise app check monitor/app_manifest.json guardian/app_manifest.json\n"
               "  pavise app check app_manifest.json -o json");
  verb->add_option("MANIFEST", arguments->files, "app_manifest.json; - for standard input")
      ->required();
  verb->add_flag("--apart", arguments->apart, "do not ask whether they can live together");
  on_verb(verb, run, arguments, &check);
}

}  // namespace pavise::cli
