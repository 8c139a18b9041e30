// The texts that people read, in their languages (RFC 5255 3). The program says everything in
// English; what it says is the key under which this table has the other languages. To add a text: a
// line in texts.cc; one without a line stays English. To add a language: a value of Language and a
// column. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace eilpost::server {

enum class Language : uint8_t { international, english, german };

// "i-default", "en", "de".
std::string_view language_tag(Language language);
std::vector<Language> languages();
// What a language range asks for (RFC 4647 3.4, Lookup): itself, or what is left of it when its
// last subtags are taken off; "default" and "*" are the international one.
std::optional<Language> find_language(std::string_view range);

// An English text in that language; in English where the table lacks it.
std::string_view text_in(Language language, std::string_view english);
// Every English text of the table, for tests.
std::vector<std::string_view> known_texts();

}  // namespace eilpost::server
