//! How much a model may think: efforts in words, budgets in tokens.

use super::model::Depth;

const BUDGETS: [(&str, u64); 4] = [("minimal", 1024), ("low", 2048), ("medium", 8192), ("high", 20_000)];

impl Depth {
    /// An effort in any dialect's word.
    pub fn effort(word: &str) -> Self {
        match word {
            "none" => Depth::Disabled,
            other => Depth::Effort(other.to_owned()),
        }
    }
    /// A budget in Gemini's numbers: 0 is none, -1 as much as it likes.
    pub fn tokens(budget: i64) -> Self {
        match u64::try_from(budget) {
            Ok(0) => Depth::Disabled,
            Ok(budget) => Depth::Budget(budget),
            Err(_) => Depth::Auto,
        }
    }
    /// In words: the effort whose budget is nearest.
    pub fn word(&self) -> &str {
        match self {
            Depth::Disabled => "none",
            Depth::Auto => "medium",
            Depth::Effort(word) => word,
            Depth::Budget(budget) => {
                let nearest = BUDGETS.iter().min_by_key(|(_, tokens)| tokens.abs_diff(*budget));
                nearest.map_or("medium", |(word, _)| word)
            }
        }
    }
    /// In tokens; more than high, and words that nobody knows, are as high and as medium.
    pub fn budget(&self) -> u64 {
        match self {
            Depth::Disabled => 0,
            Depth::Budget(budget) => *budget,
            Depth::Auto => 8192,
            Depth::Effort(word) => match word.as_str() {
                "xhigh" | "max" => 20_000,
                word => BUDGETS.iter().find(|(known, _)| *known == word).map_or(8192, |(_, tokens)| *tokens),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn efforts_and_budgets_meet_at_the_nearest() {
        for (word, budget) in [("minimal", 1024), ("low", 2048), ("medium", 8192), ("high", 20_000)] {
            assert_eq!(Depth::effort(word).budget(), budget);
            assert_eq!(Depth::tokens(budget as i64).word(), word);
        }
        assert_eq!(Depth::Budget(1500).word(), "minimal");
        assert_eq!(Depth::Budget(5000).word(), "low");
        assert_eq!(Depth::Budget(14_500).word(), "high");
        assert_eq!((Depth::tokens(0), Depth::tokens(-1)), (Depth::Disabled, Depth::Auto));
        assert_eq!(Depth::effort("none"), Depth::Disabled);
    }
}
