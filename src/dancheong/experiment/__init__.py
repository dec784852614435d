"""The experiment: does glare control make the colors better? Arms that differ in nothing else, judged fairly."""
