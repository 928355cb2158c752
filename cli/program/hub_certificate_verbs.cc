// hub certificate: CA certificates whose devices a hub lets in
#include <boost/json.hpp>

#include "cli/program/hub_verb.h"
#include "cli/view/hub_views.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t kPemSizeMax = 16UL * 1024;

struct CertificateArguments {
  std::string hub, name, path;
};

std::string target(const std::string& hub, const std::string& rest = {}) {
  return "/hubs/" + url_encode(hub) + "/certificates" + rest;
}

Exit list(Session& session, const CertificateArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  return session.call_and_show(&view::hub_certificates, "GET", target(*hub));
}

Exit create(Session& session, const CertificateArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  const auto pem = read_text_file(a.path, kPemSizeMax);
  if (!pem) return session.fail(pem.error());
  return session.call_and_show(
      &view::hub_certificate, "POST", target(*hub),
      json::serialize(json::object{{"name", a.name}, {"certificate", *pem}}));
}

Exit remove(Session& session, const CertificateArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  if (!session.call("DELETE", target(*hub, "/" + url_encode(a.name)))) return session.exit();
  session.print(session.json() ? "{}\n" : "removed\n");
  return Exit::ok;
}

Exit generate_code(Session& session, const CertificateArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  return session.call_and_show(&view::hub_certificate, "POST",
                               target(*hub, "/" + url_encode(a.name) + "/verification-code"));
}

Exit verify(Session& session, const CertificateArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  const auto pem = read_text_file(a.path, kPemSizeMax);
  if (!pem) return session.fail(pem.error());
  return session.call_and_show(&view::hub_certificate, "POST",
                               target(*hub, "/" + url_encode(a.name) + "/verify"),
                               json::serialize(json::object{{"certificate", *pem}}));
}

}  // namespace

void add_hub_certificate_verbs(CLI::App& hub, Action& run) {
  CLI::App* noun =
      add_noun(hub, "certificate", "certificate authorities whose devices a hub lets in");
  const auto add = [&](const std::string& name, const std::string& about,
                       const std::string& example, bool named, const std::string& path_about,
                       Exit (*action)(Session&, const CertificateArguments&)) {
    auto arguments = std::make_shared<CertificateArguments>();
    CLI::App* verb = add_verb(*noun, name, about, "  pavise hub certificate " + example);
    add_hub_option(verb, arguments->hub);
    if (named) verb->add_option("--name", arguments->name, "name of the certificate")->required();
    if (!path_about.empty()) verb->add_option("-p,--path", arguments->path, path_about)->required();
    on_verb(verb, run, arguments, action);
  };
  add("list", "all of a hub", "list -n plant-1", false, "", &list);
  add("create", "register one; it counts once it is verified",
      "create -n plant-1 --name root --path ca.pem", true, "the CA's certificate, PEM", &create);
  add("generate-verification-code", "what the proof of possession must have as its common name",
      "generate-verification-code -n plant-1 --name root", true, "", &generate_code);
  add("verify", "prove that you hold the CA's key: a certificate whose common name is the code",
      "verify -n plant-1 --name root --path proof.pem", true,
      "a certificate that the CA signed, PEM", &verify);
  add("delete", "remove one; its devices are let in no more", "delete -n plant-1 --name root", true,
      "", &remove);
}

}  // namespace pavise::cli
