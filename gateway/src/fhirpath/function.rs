//! The functions by name, with how many arguments each takes.

macro_rules! functions {
    ($($name:ident $text:literal $least:literal $most:literal,)*) => {
        /// A function of FHIRPath or of FHIR's additions to it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Function { $($name,)* }

        impl Function {
            /// The function of a name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)* _ => None }
            }

            /// The name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Least and most arguments.
            pub const fn arity(self) -> (usize, usize) {
                match self { $(Self::$name => ($least, $most),)* }
            }
        }
    };
}

functions! {
    Abs "abs" 0 0, Aggregate "aggregate" 1 2, All "all" 1 1, AllFalse "allFalse" 0 0, AllTrue "allTrue" 0 0,
    AnyFalse "anyFalse" 0 0, AnyTrue "anyTrue" 0 0, As "as" 1 1, Ceiling "ceiling" 0 0, Children "children" 0 0,
    Coalesce "coalesce" 1 32, Combine "combine" 1 2, Comparable "comparable" 1 1, ConformsTo "conformsTo" 1 1,
    Contains "contains" 1 1, ConvertsToBoolean "convertsToBoolean" 0 0, ConvertsToDate "convertsToDate" 0 1,
    ConvertsToDateTime "convertsToDateTime" 0 1, ConvertsToDecimal "convertsToDecimal" 0 0,
    ConvertsToInteger "convertsToInteger" 0 0, ConvertsToQuantity "convertsToQuantity" 0 1,
    ConvertsToString "convertsToString" 0 0, ConvertsToTime "convertsToTime" 0 1, Count "count" 0 0,
    Decode "decode" 1 1, DefineVariable "defineVariable" 1 2, Descendants "descendants" 0 0, Distinct "distinct" 0 0,
    Empty "empty" 0 0, Encode "encode" 1 1, EndsWith "endsWith" 1 1, Escape "escape" 1 1, Exclude "exclude" 1 1,
    Exists "exists" 0 1, Exp "exp" 0 0, Extension "extension" 1 1, First "first" 0 0, Floor "floor" 0 0,
    GetReferenceKey "getReferenceKey" 0 1, GetResourceKey "getResourceKey" 0 0, GetValue "getValue" 0 0,
    HasValue "hasValue" 0 0, HighBoundary "highBoundary" 0 1, HtmlChecks "htmlChecks" 0 0, HtmlChecks2 "htmlChecks2" 0 0,
    Iif "iif" 2 3, IndexOf "indexOf" 1 1, Intersect "intersect" 1 1, Is "is" 1 1, IsDistinct "isDistinct" 0 0,
    Join "join" 0 1, Last "last" 0 0, LastIndexOf "lastIndexOf" 1 1, Length "length" 0 0, Ln "ln" 0 0, Log "log" 1 1,
    LowBoundary "lowBoundary" 0 1, Lower "lower" 0 0, Matches "matches" 1 2, MatchesFull "matchesFull" 1 2,
    MemberOf "memberOf" 1 1, Not "not" 0 0, Now "now" 0 0, OfType "ofType" 1 1, Power "power" 1 1,
    Precision "precision" 0 0, Repeat "repeat" 1 1, RepeatAll "repeatAll" 1 1, Replace "replace" 2 2,
    ReplaceMatches "replaceMatches" 2 3, Resolve "resolve" 0 0, Round "round" 0 1, Select "select" 1 1,
    Single "single" 0 0, Skip "skip" 1 1, Sort "sort" 0 16, Split "split" 1 1, Sqrt "sqrt" 0 0,
    StartsWith "startsWith" 1 1, SubsetOf "subsetOf" 1 1, Substring "substring" 1 2, SubsumedBy "subsumedBy" 1 1,
    Subsumes "subsumes" 1 1, SupersetOf "supersetOf" 1 1, Tail "tail" 0 0, Take "take" 1 1, TimeOfDay "timeOfDay" 0 0,
    ToBoolean "toBoolean" 0 0, ToChars "toChars" 0 0, ToDate "toDate" 0 1, ToDateTime "toDateTime" 0 1,
    ToDecimal "toDecimal" 0 0, ToInteger "toInteger" 0 0, ToQuantity "toQuantity" 0 1, ToString "toString" 0 0,
    ToTime "toTime" 0 1, Today "today" 0 0, Trace "trace" 1 2, Trim "trim" 0 0, Truncate "truncate" 0 0, Type "type" 0 0,
    Unescape "unescape" 1 1, Union "union" 1 1, Upper "upper" 0 0, Where "where" 1 1,
}

impl Function {
    /// Whether its argument is the name of a type.
    pub const fn takes_type(self) -> bool {
        matches!(self, Self::Is | Self::As | Self::OfType)
    }
}
