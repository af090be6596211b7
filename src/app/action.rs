//! The one table of user intents: names, descriptions, default keys and where they hold.
//!
//! Dispatch, footer, help and palette are all read from [`BINDINGS`]; a key that is not in it
//! does nothing outside text inputs.

use crate::app::focus::Pane;

/// Where a binding holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Everywhere, overlays and inputs included.
    Anywhere,
    /// On the main screen, whichever pane has the focus.
    Main,
    /// On the main screen while one of these panes has the focus; wins over [`When::Main`].
    In(&'static [Pane]),
    /// In the prompt editor.
    Editor,
    /// In the filter line of the prompt list.
    Filter,
    /// In pickers, the palette and the help.
    List,
    /// In the log.
    Reader,
    /// In the sampling dialog.
    Form,
    /// In the panel that reports a dead engine.
    Died,
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What a user can ask for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action { $($(#[$doc])* $variant,)* }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Stable kebab-case name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

actions! {
    /// Close the top layer, else stop the running job.
    Close = "close",
    /// Stop the running job; a second press within two seconds quits.
    Interrupt = "interrupt",
    /// Draw everything anew.
    Redraw = "redraw",
    /// Stop the program as the shell's job control does.
    Suspend = "suspend",
    /// Leave.
    Quit = "quit",
    /// Keys and what they do.
    Help = "help",
    /// All actions by name.
    Palette = "palette",
    /// Focus forward.
    NextPane = "next-pane",
    /// Focus backward.
    PreviousPane = "previous-pane",
    /// Focus by number.
    FocusPane = "focus-pane",
    /// Focused pane over the whole screen.
    Zoom = "zoom",
    /// Vector on or off.
    ToggleSteering = "toggle-steering",
    /// Stop generating and measuring.
    Stop = "stop",
    /// Generate again, next seed.
    RerunNewSeed = "rerun-new-seed",
    /// Generate again, same seed.
    Rerun = "rerun",
    /// Previous block.
    BlockDown = "block-down",
    /// Next block.
    BlockUp = "block-up",
    /// Coefficient one step down.
    CoefficientDown = "coefficient-down",
    /// Coefficient one step up.
    CoefficientUp = "coefficient-up",
    /// Take the last change of the steering back.
    Undo = "undo",
    /// Make the change again.
    Redo = "redo",
    /// Choose a vector.
    PickVector = "pick-vector",
    /// Choose a data set.
    PickDataset = "pick-dataset",
    /// Choose the steered positions.
    PickMask = "pick-mask",
    /// Choose a theme.
    PickTheme = "pick-theme",
    /// Choose a model.
    LoadModel = "load-model",
    /// Sampling settings.
    Sampling = "sampling",
    /// Edit a copy of the prompt.
    EditPrompt = "edit-prompt",
    /// Write a new prompt.
    NewPrompt = "new-prompt",
    /// Remove a typed prompt.
    DeletePrompt = "delete-prompt",
    /// Filter the prompt list.
    FilterPrompts = "filter-prompts",
    /// Open the next prompt of the list.
    NextPrompt = "next-prompt",
    /// Open the previous prompt of the list.
    PreviousPrompt = "previous-prompt",
    /// Copy the focused text or figures.
    Copy = "copy",
    /// All messages.
    Log = "log",
    /// Unicode or ASCII characters.
    ToggleGlyphs = "toggle-glyphs",
    /// A new engine after a crash.
    RestartEngine = "restart-engine",
    /// Up one row.
    MoveUp = "move-up",
    /// Down one row.
    MoveDown = "move-down",
    /// Up one page.
    PageUp = "page-up",
    /// Down one page.
    PageDown = "page-down",
    /// First row.
    First = "first",
    /// Last row.
    Last = "last",
    /// Open the selected prompt.
    Open = "open",
    /// One step less.
    Decrease = "decrease",
    /// One step more.
    Increase = "increase",
    /// Ten steps less.
    DecreaseMore = "decrease-more",
    /// Ten steps more.
    IncreaseMore = "increase-more",
    /// Low end.
    Lowest = "lowest",
    /// High end.
    Highest = "highest",
    /// Coefficient zero.
    Zero = "zero",
    /// Coefficient times minus one.
    FlipSign = "flip-sign",
    /// Type a value.
    TypeValue = "type-value",
    /// Bar to the left.
    PreviousBar = "previous-bar",
    /// Bar to the right.
    NextBar = "next-bar",
    /// Next lower multiplier of the grid.
    GridDown = "grid-down",
    /// Next higher multiplier of the grid.
    GridUp = "grid-up",
    /// Take the prompt and generate.
    Submit = "submit",
    /// New line in the prompt.
    Newline = "newline",
    /// Leave an input.
    AcceptFilter = "accept-filter",
    /// Up in a list.
    ListUp = "list-up",
    /// Down in a list.
    ListDown = "list-down",
    /// Page up in a list.
    ListPageUp = "list-page-up",
    /// Page down in a list.
    ListPageDown = "list-page-down",
    /// Take the selected entry.
    ListAccept = "list-accept",
    /// Previous field.
    FieldUp = "field-up",
    /// Next field.
    FieldDown = "field-down",
    /// Lower the field's value.
    FieldLess = "field-less",
    /// Raise the field's value.
    FieldMore = "field-more",
    /// Take the values.
    Apply = "apply",
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// Intent.
    pub action: Action,
    /// Description for help and palette.
    pub about: &'static str,
    /// Default keys in written form.
    pub keys: &'static [&'static str],
    /// Where it holds.
    pub when: When,
    /// Footer label and rank (0 = shown last to go).
    pub hint: Option<(&'static str, u8)>,
}

const LISTS: &[Pane] = &[Pane::Prompts, Pane::Histogram];
const ROWS: &[Pane] = &[
    Pane::Prompts,
    Pane::Histogram,
    Pane::Baseline,
    Pane::Steered,
];
const SLIDERS: &[Pane] = &[Pane::Layer, Pane::Coefficient];
const COEFFICIENT: &[Pane] = &[Pane::Coefficient];
const LAYER: &[Pane] = &[Pane::Layer];
const HISTOGRAM: &[Pane] = &[Pane::Histogram];
const CURVE: &[Pane] = &[Pane::Curve];
const PROMPTS: &[Pane] = &[Pane::Prompts];

const fn row(
    action: Action,
    when: When,
    keys: &'static [&'static str],
    about: &'static str,
    hint: Option<(&'static str, u8)>,
) -> Binding {
    Binding {
        action,
        about,
        keys,
        when,
        hint,
    }
}

/// Every binding, in the order of the help.
pub const BINDINGS: &[Binding] = &[
    // Sliders.
    row(
        Action::Decrease,
        When::In(SLIDERS),
        &["h", "left"],
        "one step less",
        Some(("less", 0)),
    ),
    row(
        Action::Increase,
        When::In(SLIDERS),
        &["l", "right"],
        "one step more",
        Some(("more", 0)),
    ),
    row(
        Action::DecreaseMore,
        When::In(SLIDERS),
        &["H", "shift-left"],
        "ten steps less",
        None,
    ),
    row(
        Action::IncreaseMore,
        When::In(SLIDERS),
        &["L", "shift-right"],
        "ten steps more",
        None,
    ),
    row(
        Action::Lowest,
        When::In(SLIDERS),
        &["home", "g"],
        "to the low end",
        None,
    ),
    row(
        Action::Highest,
        When::In(SLIDERS),
        &["end", "G"],
        "to the high end",
        None,
    ),
    row(
        Action::Zero,
        When::In(COEFFICIENT),
        &["0"],
        "coefficient 0: the model as it is",
        Some(("zero", 3)),
    ),
    row(
        Action::FlipSign,
        When::In(COEFFICIENT),
        &["-"],
        "flip the sign",
        Some(("flip sign", 4)),
    ),
    row(
        Action::TypeValue,
        When::In(COEFFICIENT),
        &["1", "2", "3", "4", "5", "6", "7", "8", "9", "."],
        "type a coefficient, enter sets it",
        None,
    ),
    row(
        Action::TypeValue,
        When::In(LAYER),
        &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        "type a block, enter sets it",
        None,
    ),
    // Histogram and curve.
    row(
        Action::PreviousBar,
        When::In(HISTOGRAM),
        &["h", "left"],
        "bar to the left",
        Some(("bar", 0)),
    ),
    row(
        Action::NextBar,
        When::In(HISTOGRAM),
        &["l", "right"],
        "bar to the right",
        Some(("bar", 0)),
    ),
    row(
        Action::GridDown,
        When::In(CURVE),
        &["h", "left"],
        "next lower multiplier of the grid",
        Some(("multiplier", 0)),
    ),
    row(
        Action::GridUp,
        When::In(CURVE),
        &["l", "right"],
        "next higher multiplier of the grid",
        Some(("multiplier", 0)),
    ),
    // Lists and texts.
    row(
        Action::Open,
        When::In(LISTS),
        &["enter"],
        "open the selected input in the text panes",
        Some(("open", 1)),
    ),
    row(
        Action::MoveUp,
        When::In(ROWS),
        &["k", "up"],
        "up one row",
        Some(("move", 2)),
    ),
    row(
        Action::MoveDown,
        When::In(ROWS),
        &["j", "down"],
        "down one row",
        Some(("move", 2)),
    ),
    row(
        Action::PageUp,
        When::In(ROWS),
        &["pgup", "ctrl-u"],
        "up one page",
        None,
    ),
    row(
        Action::PageDown,
        When::In(ROWS),
        &["pgdn", "ctrl-d"],
        "down one page",
        None,
    ),
    row(
        Action::First,
        When::In(ROWS),
        &["g", "home"],
        "to the first row",
        None,
    ),
    row(
        Action::Last,
        When::In(ROWS),
        &["G", "end"],
        "to the last row",
        None,
    ),
    row(
        Action::DeletePrompt,
        When::In(PROMPTS),
        &["D", "delete"],
        "remove a typed prompt from the list",
        None,
    ),
    // Steering from anywhere.
    row(
        Action::BlockDown,
        When::Main,
        &["["],
        "steer one block earlier",
        Some(("block", 3)),
    ),
    row(
        Action::BlockUp,
        When::Main,
        &["]"],
        "steer one block later",
        Some(("block", 3)),
    ),
    row(
        Action::CoefficientDown,
        When::Main,
        &["<"],
        "coefficient one step down",
        Some(("coefficient", 2)),
    ),
    row(
        Action::CoefficientUp,
        When::Main,
        &[">"],
        "coefficient one step up",
        Some(("coefficient", 2)),
    ),
    row(
        Action::ToggleSteering,
        When::Main,
        &["space"],
        "vector on or off",
        Some(("on/off", 5)),
    ),
    row(
        Action::Undo,
        When::Main,
        &["u"],
        "take the last change of the steering back",
        None,
    ),
    row(Action::Redo, When::Main, &["ctrl-r"], "make it again", None),
    // Text.
    row(
        Action::EditPrompt,
        When::Main,
        &["i"],
        "edit the prompt",
        Some(("edit prompt", 4)),
    ),
    row(
        Action::NewPrompt,
        When::Main,
        &["a"],
        "write a new prompt",
        None,
    ),
    row(
        Action::NextPrompt,
        When::Main,
        &["n"],
        "open the next prompt of the list",
        Some(("next prompt", 6)),
    ),
    row(
        Action::PreviousPrompt,
        When::Main,
        &["N"],
        "open the previous prompt",
        None,
    ),
    row(
        Action::FilterPrompts,
        When::Main,
        &["/"],
        "filter the prompts",
        None,
    ),
    row(
        Action::RerunNewSeed,
        When::Main,
        &["r"],
        "generate again with the next seed",
        None,
    ),
    row(
        Action::Rerun,
        When::Main,
        &["R"],
        "generate again with the same seed",
        None,
    ),
    row(
        Action::Stop,
        When::Main,
        &["x"],
        "stop generating and measuring",
        Some(("stop", 3)),
    ),
    row(
        Action::Sampling,
        When::Main,
        &["o"],
        "temperature, top-k, top-p, seed, length",
        None,
    ),
    row(
        Action::Copy,
        When::Main,
        &["y"],
        "copy the focused text or figures",
        None,
    ),
    // What is loaded.
    row(
        Action::PickVector,
        When::Main,
        &["v"],
        "choose a steering vector",
        Some(("vector", 5)),
    ),
    row(
        Action::PickDataset,
        When::Main,
        &["d"],
        "choose a data set",
        Some(("data set", 6)),
    ),
    row(
        Action::PickMask,
        When::Main,
        &["m"],
        "choose the steered positions",
        None,
    ),
    row(
        Action::LoadModel,
        When::Main,
        &["M"],
        "choose a model",
        None,
    ),
    // Screen.
    row(
        Action::NextPane,
        When::Main,
        &["tab"],
        "focus the next pane",
        Some(("pane", 1)),
    ),
    row(
        Action::PreviousPane,
        When::Main,
        &["backtab"],
        "focus the previous pane",
        None,
    ),
    row(
        Action::FocusPane,
        When::Main,
        &["1", "2", "3", "4", "5", "6", "7"],
        "focus a pane by its number",
        None,
    ),
    row(
        Action::Zoom,
        When::Main,
        &["z"],
        "focused pane over the whole screen",
        None,
    ),
    row(
        Action::Help,
        When::Main,
        &["?", "F1"],
        "this help",
        Some(("help", 0)),
    ),
    row(
        Action::Palette,
        When::Main,
        &[":", "ctrl-p"],
        "find an action by name",
        None,
    ),
    row(
        Action::PickTheme,
        When::Main,
        &["t"],
        "choose a theme",
        None,
    ),
    row(
        Action::ToggleGlyphs,
        When::Main,
        &[],
        "Unicode or ASCII characters",
        None,
    ),
    row(Action::Log, When::Main, &["F2"], "all messages", None),
    row(
        Action::RestartEngine,
        When::Main,
        &[],
        "start a new engine after a crash",
        None,
    ),
    row(Action::Quit, When::Main, &["q"], "quit", Some(("quit", 1))),
    row(
        Action::Close,
        When::Anywhere,
        &["esc"],
        "close the top layer, else stop the running job",
        None,
    ),
    row(
        Action::Interrupt,
        When::Anywhere,
        &["ctrl-c"],
        "stop the running job; twice quits",
        None,
    ),
    row(
        Action::Redraw,
        When::Anywhere,
        &["ctrl-l"],
        "draw the screen anew",
        None,
    ),
    row(
        Action::Suspend,
        When::Anywhere,
        &["ctrl-z"],
        "suspend to the shell",
        None,
    ),
    // Inputs.
    row(
        Action::Submit,
        When::Editor,
        &["enter"],
        "generate from this prompt",
        Some(("generate", 0)),
    ),
    row(
        Action::Newline,
        When::Editor,
        &["alt-enter", "ctrl-j"],
        "new line",
        Some(("new line", 1)),
    ),
    row(
        Action::ListUp,
        When::Editor,
        &["up"],
        "line up; from the first line, earlier prompts",
        Some(("history", 2)),
    ),
    row(
        Action::ListDown,
        When::Editor,
        &["down"],
        "line down; from the last line, later prompts",
        Some(("history", 2)),
    ),
    row(
        Action::AcceptFilter,
        When::Filter,
        &["enter"],
        "keep the filter",
        Some(("keep", 0)),
    ),
    row(Action::ListUp, When::Filter, &["up"], "up one row", None),
    row(
        Action::ListDown,
        When::Filter,
        &["down"],
        "down one row",
        None,
    ),
    row(
        Action::ListUp,
        When::List,
        &["up", "ctrl-k"],
        "up one row",
        Some(("move", 1)),
    ),
    row(
        Action::ListDown,
        When::List,
        &["down", "ctrl-j"],
        "down one row",
        Some(("move", 1)),
    ),
    row(
        Action::ListPageUp,
        When::List,
        &["pgup", "ctrl-u"],
        "up one page",
        None,
    ),
    row(
        Action::ListPageDown,
        When::List,
        &["pgdn", "ctrl-d"],
        "down one page",
        None,
    ),
    row(
        Action::ListAccept,
        When::List,
        &["enter"],
        "take the selected entry",
        Some(("take", 0)),
    ),
    row(
        Action::ListUp,
        When::Reader,
        &["k", "up"],
        "up one row",
        Some(("move", 1)),
    ),
    row(
        Action::ListDown,
        When::Reader,
        &["j", "down"],
        "down one row",
        Some(("move", 1)),
    ),
    row(
        Action::ListPageUp,
        When::Reader,
        &["pgup", "ctrl-u"],
        "up one page",
        None,
    ),
    row(
        Action::ListPageDown,
        When::Reader,
        &["pgdn", "ctrl-d"],
        "down one page",
        None,
    ),
    row(
        Action::Close,
        When::Reader,
        &["q"],
        "close",
        Some(("close", 0)),
    ),
    row(
        Action::FieldUp,
        When::Form,
        &["up", "backtab"],
        "previous field",
        Some(("field", 1)),
    ),
    row(
        Action::FieldDown,
        When::Form,
        &["down", "tab"],
        "next field",
        Some(("field", 1)),
    ),
    row(
        Action::FieldLess,
        When::Form,
        &["left"],
        "lower the value",
        Some(("change", 2)),
    ),
    row(
        Action::FieldMore,
        When::Form,
        &["right"],
        "raise the value",
        Some(("change", 2)),
    ),
    row(
        Action::Apply,
        When::Form,
        &["enter"],
        "take the values",
        Some(("apply", 0)),
    ),
    row(
        Action::RestartEngine,
        When::Died,
        &["r", "enter"],
        "start a new engine",
        Some(("restart engine", 0)),
    ),
    row(Action::Quit, When::Died, &["q"], "quit", Some(("quit", 1))),
];

impl Action {
    /// The table row that describes the action (the first one).
    pub fn binding(self) -> Option<&'static Binding> {
        BINDINGS.iter().find(|b| b.action == self)
    }
}
