import Testing

@testable import NameExpressions

/// What `re.match(r"^(.*\.)?(KEY)$", NAME)` of Python 3.11 says, pair by pair.
@Test(arguments: [
  (#"layers\.[0-9]+\.q_proj"#, "model.layers.12.q_proj", true),
  (#"layers\.[0-9]+\.q_proj"#, "model.layers.x.q_proj", false),
  (#"layers\.(?:1|3)\.q"#, "layers.3.q", true),
  (#"layers\.\d{1,2}\.q"#, "layers.123.q", false),
  (#"layers\.\d{,2}\.q"#, "layers..q", true),
  (#"a{2}"#, "x.aa", true), (#"a{2}"#, "x.aaa", false), (#"a{,}"#, "aaaa", true),
  (#"a{x}"#, "a{x}", true), (#"a{"#, "a{", true), (#"(?P<n>a)+?"#, "aaa", true),
  (#"[^.]+_proj"#, "model.q_proj", true), (#"[]a]+"#, "]a", true), (#"[a-]"#, "-", true),
  (#"[\d-]+"#, "1-2", true), (#"[\]]"#, "]", true), (#"\x61\u0062"#, "ab", true),
  (#"(?!lm_)\w+"#, "model.lm_head", false), (#"(?!lm_)\w+"#, "model.head", true),
  (#"(?=.*q)\w+"#, "model.q_proj", true), (#"(?=.*q)\w+"#, "model.v_proj", false),
  (#".*(?=q_)q_proj"#, "q_proj", true), (#"\bq\b"#, "a.q", true), (#"q\B_proj"#, "q_proj", true),
  (#"^q"#, "q", true), (#"^q"#, "m.q", false), (#"\Aq\Z"#, "q", true), (#"q$"#, "m.q\n", true),
  (#"q\Z"#, "m.q\n", false), (#"q."#, "q\n", false), (#"(a|b)*c"#, "ababc", true),
  (#"(a*)*"#, "aaab", false), (#"(|a)+"#, "aa", true), (#"()"#, "m.", true), (#"é\w"#, "éñ", true),
  (#"\d"#, "٣", true), (#"q|k"#, "m.k", true), (#"\-\."#, "-.", true),
])
func `expressions match as in Python`(key: String, name: String, matches: Bool) throws {
  let expression = try #require(NameExpression(key: key))
  #expect(expression.matches(name) == matches)
}

@Test(arguments: [
  "(", ")", "a)|(b", "[", "[]", "[b-a]", #"[a-\d]"#, "*", "a**", "a+*", "^*", "a{3,2}", "a{2}{3}",
  "\\", #"\q"#, #"\x6"#, #"\U00110000"#, "(?P<n>a)(?P<n>b)", "(?P<>a)", "(?P<n", "{2}",
  // Python reads these; a matcher of bounded time does not, or nobody writes them.
  #"(a)\1"#, "(?<=a)b", "(?i)a", "(?>a)", "a++", "(?P=n)", "(?#a)", "a{99999}",
])
func `what is no expression is refused`(key: String) {
  #expect(NameExpression(key: key) == nil)
}

@Test(arguments: [
  "(.+)+!", "(a|a)*!", "(.*)*(.*)*!", "((a?){40}){40}!", "(?=(.+)+!)(?!(.+)+!)a",
  "(?:(?=.*(?=.*(?=.*!)))a)*",
])
func `no expression takes long`(key: String) throws {
  let expression = try #require(NameExpression(key: key))
  let time = ContinuousClock().measure {
    #expect(!expression.matches(String(repeating: "a", count: 200)))
  }
  #expect(time < .seconds(5))
}

@Test(arguments: ["(x{99}){99}", "((){5000}){5000}", String(repeating: "(", count: 100_000)])
func `expressions stay small`(key: String) {
  #expect(NameExpression(key: key) == nil)
}
