"""How a judgement is told: one document, written as Markdown for a pull request and as a page of its own."""
