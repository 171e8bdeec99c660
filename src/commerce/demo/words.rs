//! What the demo's things are called.

/// A department of the shop.
pub struct Department {
    /// Its name.
    pub name: &'static str,
    /// What is in it.
    pub categories: [Category; 4],
}

/// A category of a department.
pub struct Category {
    /// Its name.
    pub name: &'static str,
    /// What is sold in it.
    pub things: &'static [&'static str],
}

/// Ten departments of four categories: fifty places for products.
pub const DEPARTMENTS: [Department; 10] = [
    department(
        "Kitchen",
        [
            category(
                "Cookware",
                &["Saucepan", "Frying Pan", "Stockpot", "Wok", "Casserole"],
            ),
            category(
                "Knives",
                &[
                    "Chef's Knife",
                    "Paring Knife",
                    "Bread Knife",
                    "Cleaver",
                    "Knife Block",
                ],
            ),
            category(
                "Bakeware",
                &[
                    "Baking Tray",
                    "Loaf Tin",
                    "Muffin Tin",
                    "Rolling Pin",
                    "Pie Dish",
                ],
            ),
            category(
                "Coffee and Tea",
                &["Teapot", "French Press", "Kettle", "Coffee Grinder", "Mug"],
            ),
        ],
    ),
    department(
        "Home",
        [
            category(
                "Lighting",
                &[
                    "Table Lamp",
                    "Floor Lamp",
                    "Pendant Light",
                    "Wall Light",
                    "Lantern",
                ],
            ),
            category(
                "Bedding",
                &["Duvet Cover", "Pillow", "Fitted Sheet", "Blanket", "Quilt"],
            ),
            category(
                "Rugs",
                &["Wool Rug", "Runner", "Door Mat", "Sheepskin", "Bath Mat"],
            ),
            category(
                "Storage",
                &["Basket", "Shelf", "Coat Rack", "Chest", "Storage Box"],
            ),
        ],
    ),
    department(
        "Garden",
        [
            category(
                "Garden Tools",
                &["Spade", "Rake", "Pruning Shears", "Hoe", "Watering Can"],
            ),
            category(
                "Pots and Planters",
                &[
                    "Planter",
                    "Hanging Pot",
                    "Window Box",
                    "Saucer",
                    "Seed Tray",
                ],
            ),
            category(
                "Garden Furniture",
                &["Bench", "Deck Chair", "Bistro Table", "Parasol", "Hammock"],
            ),
            category(
                "Barbecue",
                &["Grill", "Fire Bowl", "Tongs", "Smoker", "Grill Brush"],
            ),
        ],
    ),
    department(
        "Clothing",
        [
            category(
                "Shirts",
                &[
                    "Oxford Shirt",
                    "Polo Shirt",
                    "T-Shirt",
                    "Flannel Shirt",
                    "Blouse",
                ],
            ),
            category(
                "Trousers",
                &["Chinos", "Jeans", "Shorts", "Corduroys", "Leggings"],
            ),
            category(
                "Jackets",
                &["Rain Jacket", "Parka", "Denim Jacket", "Blazer", "Fleece"],
            ),
            category(
                "Shoes",
                &[
                    "Sneakers",
                    "Hiking Boots",
                    "Loafers",
                    "Sandals",
                    "Running Shoes",
                ],
            ),
        ],
    ),
    department(
        "Sports",
        [
            category(
                "Running",
                &[
                    "Running Belt",
                    "Headlamp",
                    "Running Vest",
                    "Foam Roller",
                    "Cap",
                ],
            ),
            category(
                "Cycling",
                &["Helmet", "Bike Light", "Saddle", "Pannier", "Floor Pump"],
            ),
            category(
                "Camping",
                &[
                    "Tent",
                    "Sleeping Bag",
                    "Camping Stove",
                    "Headrest",
                    "Water Bottle",
                ],
            ),
            category(
                "Fitness",
                &[
                    "Yoga Mat",
                    "Kettlebell",
                    "Dumbbell",
                    "Skipping Rope",
                    "Resistance Band",
                ],
            ),
        ],
    ),
    department(
        "Electronics",
        [
            category(
                "Audio",
                &[
                    "Headphones",
                    "Speaker",
                    "Turntable",
                    "Microphone",
                    "Earbuds",
                ],
            ),
            category(
                "Computing",
                &["Keyboard", "Mouse", "Monitor Arm", "Laptop Stand", "Webcam"],
            ),
            category(
                "Cables and Power",
                &[
                    "Charger",
                    "Power Bank",
                    "USB Cable",
                    "Extension Lead",
                    "Adapter",
                ],
            ),
            category(
                "Photography",
                &[
                    "Tripod",
                    "Camera Bag",
                    "Lens Filter",
                    "Ring Light",
                    "Photo Album",
                ],
            ),
        ],
    ),
    department(
        "Toys",
        [
            category(
                "Board Games",
                &[
                    "Chess Set",
                    "Backgammon",
                    "Card Game",
                    "Dice Game",
                    "Strategy Game",
                ],
            ),
            category(
                "Puzzles",
                &[
                    "Jigsaw Puzzle",
                    "Wooden Puzzle",
                    "Cube Puzzle",
                    "Maze",
                    "Brain Teaser",
                ],
            ),
            category(
                "Building",
                &[
                    "Building Blocks",
                    "Marble Run",
                    "Train Set",
                    "Model Kit",
                    "Magnet Tiles",
                ],
            ),
            category(
                "Soft Toys",
                &[
                    "Teddy Bear",
                    "Plush Rabbit",
                    "Rag Doll",
                    "Plush Fox",
                    "Hand Puppet",
                ],
            ),
        ],
    ),
    department(
        "Books and Paper",
        [
            category(
                "Notebooks",
                &[
                    "Notebook",
                    "Sketchbook",
                    "Diary",
                    "Planner",
                    "Exercise Book",
                ],
            ),
            category(
                "Writing",
                &[
                    "Fountain Pen",
                    "Pencil Set",
                    "Ballpoint Pen",
                    "Ink",
                    "Highlighter",
                ],
            ),
            category(
                "Art Supplies",
                &["Watercolours", "Brush Set", "Easel", "Canvas", "Charcoal"],
            ),
            category(
                "Desk",
                &[
                    "Desk Lamp",
                    "Letter Tray",
                    "Stapler",
                    "Pen Holder",
                    "Desk Mat",
                ],
            ),
        ],
    ),
    department(
        "Beauty",
        [
            category(
                "Skin Care",
                &[
                    "Face Cream",
                    "Cleanser",
                    "Hand Cream",
                    "Face Oil",
                    "Sun Cream",
                ],
            ),
            category(
                "Hair Care",
                &["Shampoo", "Conditioner", "Hair Brush", "Hair Oil", "Comb"],
            ),
            category(
                "Bath",
                &["Soap", "Bath Salts", "Body Brush", "Sponge", "Towel"],
            ),
            category(
                "Fragrance",
                &["Candle", "Diffuser", "Perfume", "Room Spray", "Incense"],
            ),
        ],
    ),
    department(
        "Pets",
        [
            category(
                "Dogs",
                &["Dog Bed", "Lead", "Collar", "Chew Toy", "Dog Bowl"],
            ),
            category(
                "Cats",
                &[
                    "Scratching Post",
                    "Cat Bed",
                    "Feather Wand",
                    "Litter Tray",
                    "Cat Flap",
                ],
            ),
            category(
                "Birds",
                &["Bird Feeder", "Nest Box", "Bird Bath", "Perch", "Seed Mix"],
            ),
            category(
                "Aquariums",
                &["Aquarium", "Filter", "Heater", "Air Pump", "Gravel"],
            ),
        ],
    ),
];

/// Attributes with their kinds and values.
pub const ATTRIBUTES: [(&str, &str, &[&str]); 5] = [
    (
        "Colour",
        "text",
        &[
            "Black", "White", "Grey", "Navy", "Blue", "Green", "Olive", "Red", "Yellow", "Orange",
            "Brown", "Beige",
        ],
    ),
    (
        "Material",
        "text",
        &[
            "Oak",
            "Steel",
            "Cotton",
            "Wool",
            "Linen",
            "Leather",
            "Glass",
            "Ceramic",
            "Bamboo",
            "Recycled Plastic",
        ],
    ),
    (
        "Brand",
        "text",
        &[
            "Aldergrove",
            "Brightwater",
            "Corvina",
            "Dunmore",
            "Eastwick",
            "Fernhill",
            "Galloway",
            "Harrow",
            "Inverleith",
            "Juniper",
            "Kestrel",
            "Larkspur",
            "Merrick",
            "Northlight",
            "Oakham",
            "Pembroke",
            "Quill",
            "Redstone",
            "Stonebridge",
            "Thistle",
        ],
    ),
    ("Warranty Years", "number", &["1", "2", "3", "5", "10"]),
    ("Handmade", "boolean", &["true", "false"]),
];

/// What goes before a thing's name.
pub const QUALITIES: [&str; 16] = [
    "Classic", "Compact", "Everyday", "Folding", "Heritage", "Light", "Little", "Modern",
    "Natural", "Nordic", "Original", "Premium", "Rustic", "Slim", "Sturdy", "Travel",
];

/// Sentences of descriptions; `{}` stands for the thing.
pub const SENTENCES: [&str; 12] = [
    "A {} made to last, with parts that can be replaced.",
    "This {} is finished by hand and checked twice before it leaves the workshop.",
    "Simple lines and honest materials make this {} at home anywhere.",
    "Light enough to carry, strong enough for every day.",
    "The {} comes in a box of recycled paper without any plastic.",
    "Easy to clean and easy to put away.",
    "Our customers have used this {} for years and come back for another one.",
    "Designed in a small studio and made in batches of a few hundred.",
    "It feels good in the hand and does what it promises.",
    "Goes well with everything else from the same maker.",
    "The surface is treated with natural oil and gets better with age.",
    "Comes with care instructions and a guarantee.",
];

/// Sizes of variants.
pub const SIZES: [&str; 5] = ["XS", "S", "M", "L", "XL"];

const fn department(name: &'static str, categories: [Category; 4]) -> Department {
    Department { name, categories }
}

const fn category(name: &'static str, things: &'static [&'static str]) -> Category {
    Category { name, things }
}
