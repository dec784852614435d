"""Light reflection: filter the light of a picture, find glare, correct it, synthesize it. Arrays and numbers only."""
