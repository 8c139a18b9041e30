#include "search/program.h"

#include <algorithm>

#include "mime/header.h"
#include "search/match.h"

namespace eilpost::search {

namespace {

Program make(Op op) {
  Program key;
  key.op = op;
  return key;
}

Program with_number(Op op, uint64_t number) {
  Program key = make(op);
  key.number = static_cast<int64_t>(std::min<uint64_t>(number, INT64_MAX));
  return key;
}

Program with_text(Op op, std::string text) {
  Program key = make(op);
  key.text = std::move(text);
  return key;
}

Program with_needle(Op op, std::string_view utf8, mime::Collation collation) {
  Program key = make(op);
  if (!utf8.empty()) fold_append(utf8, key.text, collation);
  key.collation = collation;
  return key;
}

Program with_day(Op op, DateOf date, Day day) {
  Program key = make(op);
  key.date = date;
  key.number = day.days;
  return key;
}

Program with_children(Op op, std::vector<Program> children) {
  Program key = make(op);
  key.children = std::move(children);
  return key;
}

}  // namespace

Program everything() {
  return make(Op::all);
}
Program nothing() {
  return make(Op::none);
}

Program has_flags(uint8_t bits) {
  Program key = make(Op::flags);
  key.flags = bits;
  return key;
}

Program has_keyword(std::string name) {
  return with_text(Op::keyword, std::move(name));
}

Program in_uids(UidSet uids) {
  Program key = make(Op::uids);
  key.uids = std::move(uids);
  return key;
}

Program modseq_from(uint64_t modseq) {
  return with_number(Op::modseq, modseq);
}
Program before(DateOf date, Day day) {
  return with_day(Op::before, date, day);
}
Program on(DateOf date, Day day) {
  return with_day(Op::on, date, day);
}
Program since(DateOf date, Day day) {
  return with_day(Op::since, date, day);
}
Program larger(uint64_t octets) {
  return with_number(Op::larger, octets);
}
Program smaller(uint64_t octets) {
  return with_number(Op::smaller, octets);
}
Program older(uint64_t seconds) {
  return with_number(Op::older, seconds);
}
Program younger(uint64_t seconds) {
  return with_number(Op::younger, seconds);
}
Program has_email_id(std::string email_id) {
  return with_text(Op::email_id, std::move(email_id));
}

Program header_contains(std::string_view field, std::string_view utf8, mime::Collation collation) {
  Program key = with_needle(Op::header, utf8, collation);
  key.field = mime::to_lower(field);
  return key;
}

Program body_contains(std::string_view utf8, mime::Collation collation) {
  return with_needle(Op::body, utf8, collation);
}

Program text_contains(std::string_view utf8, mime::Collation collation) {
  return with_needle(Op::text, utf8, collation);
}

Program fuzzy(Program key) {
  if (key.op == Op::header || key.op == Op::body || key.op == Op::text) key.fuzzy = true;
  for (Program& child : key.children) child = fuzzy(std::move(child));
  return key;
}

Program negation(Program key) {
  Program out = make(Op::not_);
  out.children.push_back(std::move(key));
  return out;
}

Program all_of(std::vector<Program> keys) {
  return with_children(Op::all_of, std::move(keys));
}
Program any_of(std::vector<Program> keys) {
  return with_children(Op::any_of, std::move(keys));
}

}  // namespace eilpost::search
