/// Everyday words for the subgroups of Unicode and the folders of clip art.
enum KindWords {
  static func word(for subgroup: String) -> String? {
    if let word = table[subgroup] { return word }
    return subgroup.split(separator: "/").first.flatMap { table[String($0)] }
  }

  private static let table: [String: String] = [
    "animal-mammal": "animal", "animal-bird": "bird", "animal-amphibian": "animal",
    "animal-reptile": "reptile", "animal-marine": "sea animal", "animal-bug": "insect",
    "plant-flower": "flower", "plant-other": "plant", "food-fruit": "fruit",
    "food-vegetable": "vegetable", "food-prepared": "food", "food-asian": "asian food",
    "food-marine": "seafood", "food-sweet": "sweet food", "drink": "drink",
    "dishware": "dishware", "place-building": "building", "place-religious": "building",
    "place-geographic": "landscape", "transport-ground": "vehicle", "transport-water": "boat",
    "transport-air": "aircraft", "sky & weather": "weather", "sport": "sport", "game": "game",
    "award-medal": "medal", "clothing": "clothing", "musical-instrument": "musical instrument",
    "music": "music", "phone": "phone", "computer": "computer", "book-paper": "book",
    "money": "money", "mail": "mail", "writing": "writing tool", "office": "office", "tool": "tool",
    "science": "science", "medical": "medicine", "household": "household", "lock": "lock",
    "geometric": "shape", "heart": "heart", "cat-face": "cat face", "monkey-face": "monkey",
    "face-smiling": "happy face", "face-concerned": "sad face", "face-negative": "angry face",
    "face-unwell": "sick face", "face-sleepy": "sleepy face", "person-role": "person",
    "person-sport": "sport", "person-activity": "person", "person-fantasy": "fantasy",
    "body-parts": "body part", "family": "family",
    "birds": "bird", "bugs": "insect", "mammals": "animal", "fish": "fish", "fruit": "fruit",
    "vegetables": "vegetable", "desserts": "dessert", "beverages": "drink", "flowers": "flower",
    "trees": "tree", "hardware": "computer", "vehicles": "vehicle", "boating": "boat",
    "sports": "sport", "toys": "toy", "furniture": "furniture", "astronomy": "space",
    "homes": "house", "books": "book", "bodypart": "body part", "smilies": "face",
    "dinosaurs": "dinosaur", "amphibian": "animal", "medicine": "medicine", "dairy": "food",
    "breads_and_carbs": "food", "meats_and_eggs": "food", "weapons": "weapon", "weather": "weather",
    "holiday": "holiday", "party": "party", "religion": "religion", "telephone": "phone",
  ]
}
